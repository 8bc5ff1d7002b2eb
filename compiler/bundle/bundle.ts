// Plans -> the files of a bundle, one at a time, with SHA256SUMS in the form of coreutils last.

import { createHash } from 'node:crypto';
import { emitChoice, emitRunbook } from '../emit/runbook.ts';
import { type EmittedFile, emitScript } from '../emit/script.ts';
import type { Templates } from '../emit/templates.ts';
import type { Plan } from '../plan/ir.ts';
import { executionOrder } from '../plan/order.ts';

/** The manifest of a bundle: `<sha256>  <path>` for every other file, sorted by path. */
export const manifestName = 'SHA256SUMS';

/** Files are made when they are asked for: a bundle of a large cluster does not fit in memory. */
export type Files = Iterable<EmittedFile>;

/**
 * The bundle of the plans. One plan of a declared incident is the bundle; the plans of a cluster
 * before its incident each lie in a folder named for their recovery host.
 *
 * @param inventory text of the inventory as it was given, or null where only the plan is known
 */
export function bundle(
  plans: readonly Plan[],
  inventory: string | null,
  templates: Templates,
): Files {
  const [plan] = plans;
  if (plan === undefined) throw new Error('a bundle of no plan');
  if (plan.quorum.verdict === 'lost') return planBundle(plan, inventory, templates);
  return summed(candidates(plans, inventory, templates));
}

/** The bundle of one plan by itself. */
export function planBundle(plan: Plan, inventory: string | null, templates: Templates): Files {
  return summed(planFiles(plan, inventory, templates));
}

function* candidates(
  plans: readonly Plan[],
  inventory: string | null,
  templates: Templates,
): Generator<EmittedFile> {
  yield { path: 'README.md', mode: 0o644, text: emitChoice(plans, templates) };
  if (inventory !== null) yield inventoryFile(inventory);
  for (const plan of plans) {
    for (const file of planBundle(plan, inventory, templates)) {
      yield { ...file, path: `${plan.recovery.host}/${file.path}` };
    }
  }
}

function* planFiles(
  plan: Plan,
  inventory: string | null,
  templates: Templates,
): Generator<EmittedFile> {
  yield { path: 'plan.json', mode: 0o644, text: planText(plan) };
  if (inventory !== null) yield inventoryFile(inventory);
  yield { path: 'RUNBOOK.md', mode: 0o644, text: emitRunbook(plan, templates) };
  for (const turn of [...executionOrder(plan), ...plan.asides]) {
    yield emitScript(plan, turn, templates);
  }
}

/** The text of plan.json. */
export function planText(plan: Plan): string {
  return `${JSON.stringify(plan, null, 2)}\n`;
}

// As given, but for line ends: a bundle has the same bytes wherever the inventory was edited.
function inventoryFile(text: string): EmittedFile {
  const lines = text.replaceAll('\r\n', '\n');
  return { path: 'inventory.json', mode: 0o644, text: lines.endsWith('\n') ? lines : `${lines}\n` };
}

function* summed(files: Files): Generator<EmittedFile> {
  const sums: Sum[] = [];
  for (const file of files) {
    sums.push({ path: file.path, sha256: sha256(file.text) });
    yield file;
  }
  yield { path: manifestName, mode: 0o644, text: manifestText(sums) };
}

/** One line of a manifest. */
export interface Sum {
  readonly path: string;
  readonly sha256: string;
}

function manifestText(sums: readonly Sum[]): string {
  const sorted = [...sums].sort((a, b) => (a.path < b.path ? -1 : 1));
  return sorted.map(({ path, sha256 }) => `${sha256}  ${path}\n`).join('');
}

/**
 * The lines of a manifest, or null where it is none of ours. What it lists may be deleted later, so
 * paths that leave the directory are not believed.
 */
export function readManifest(text: string): readonly Sum[] | null {
  const sums: Sum[] = [];
  for (const line of text.split('\n').slice(0, -1)) {
    const [, sha256, path] = /^([0-9a-f]{64}) {2}([^\\]+)$/u.exec(line) ?? [];
    if (sha256 === undefined || path === undefined || !staysInside(path)) return null;
    sums.push({ sha256, path });
  }
  return sums.length === 0 || !text.endsWith('\n') ? null : sums;
}

/** Whether a path of a manifest or plan names something inside the bundle, plainly. */
function staysInside(path: string): boolean {
  return path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
}

/** The sha256 of a text in UTF-8. */
export function sha256(text: string | Uint8Array): string {
  return createHash('sha256').update(text).digest('hex');
}

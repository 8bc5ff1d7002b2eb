// Plans -> the files of a bundle, one at a time; SHA256SUMS in the format of coreutils comes last.

import { partsOf } from '../emit/parts.ts';
import { type Reader, reader } from '../emit/reading.ts';
import { emitRecover } from '../emit/recover.ts';
import { emitReview } from '../emit/review.ts';
import { emitChoice, emitRunbook, runbookView } from '../emit/runbook.ts';
import { emitRunbookHtml } from '../emit/runbook-html.ts';
import { type EmittedFile, scriptFile, scriptParts } from '../emit/script.ts';
import type { Templates } from '../emit/templates.ts';
import { emitTriage } from '../emit/triage.ts';
import type { Plan } from '../plan/ir.ts';
import { executionOrder } from '../plan/order.ts';
import { sha256 } from '../sha256.ts';
import { type ToolFile, toolPath } from '../tools/tool.ts';

/** The manifest of a bundle: `<sha256>  <path>` for every other file, sorted by path. */
export const manifestName = 'SHA256SUMS';

/** The files of every bundle of one plan, apart from its scripts. mark.ts knows a bundle by them. */
export const planNames = [
  ...['plan.json', 'inventory.json', 'RUNBOOK.md', 'RUNBOOK.html', 'recover.sh', 'triage.sh'],
  ...['REVIEW.md', 'review.sh', manifestName],
] as const;

/** The files of a bundle for before an incident, apart from the folder of each recovery host. */
export const choiceNames = [
  ...['README.md', 'inventory.json', 'triage.sh', 'REVIEW.md', 'review.sh', manifestName],
] as const;

/** Its signature, next to it. It is the only file of a bundle that is not listed. */
export const signatureName = `${manifestName}.sig`;

/** Files are produced on demand: the bundle of a large cluster does not fit in memory. */
export type Files = Iterable<EmittedFile>;

/** What is written: the files of a bundle, and the tools that its plan lists. */
export type Contents = Iterable<EmittedFile | ToolFile>;

/** The bytes of a file as it is written. */
export function bytesOf(file: EmittedFile | ToolFile): Buffer {
  if ('text' in file) return Buffer.from(file.text);
  const { buffer, byteOffset, byteLength } = file.bytes;
  return Buffer.from(buffer, byteOffset, byteLength);
}

/** A bundle together with its tools. SHA256SUMS comes last, as without them. */
export function* withTools(
  files: Files,
  tools: Iterable<ToolFile>,
): Generator<EmittedFile | ToolFile> {
  yield* tools;
  yield* files;
}

/**
 * The bundle of the plans. After an incident there is one plan, and it is the bundle. Before an
 * incident each plan has a folder with the name of its recovery host.
 *
 * @param inventory text of the inventory, or null if only the plan is known
 */
export function bundle(
  plans: readonly Plan[],
  inventory: string | null,
  templates: Templates,
): Files {
  const [plan] = plans;
  if (plan === undefined) throw new Error('a bundle without a plan');
  if (plan.quorum.verdict === 'lost') return planBundle(plan, inventory, templates);
  return summed(candidates(plans, inventory, templates), toolSums(plan));
}

/** The bundle of a single plan. */
export function planBundle(plan: Plan, inventory: string | null, templates: Templates): Files {
  return summed(planFiles(plan, inventory, templates), toolSums(plan));
}

function toolSums({ tools = [] }: Plan): readonly Sum[] {
  return tools.map((tool) => ({ path: toolPath(tool), sha256: tool.sha256 }));
}

function* candidates(
  plans: readonly Plan[],
  inventory: string | null,
  templates: Templates,
): Generator<EmittedFile> {
  yield { path: 'README.md', mode: 0o644, text: emitChoice(plans, templates) };
  if (inventory !== null) yield inventoryFile(inventory);
  const [first] = plans as readonly [Plan];
  const triage = emitTriage(first, templates);
  yield triage;
  const recovers: EmittedFile[] = [];
  const all = reader();
  for (const plan of plans) {
    // The tools are there once, next to the folders.
    for (const file of summed(planFiles(plan, inventory, templates), [])) {
      const path = `${plan.recovery.host}/${file.path}`;
      const parts = partsOf(file.text);
      if (typeof parts !== 'string') all.add(path, parts);
      if (file.path === 'recover.sh') recovers.push({ ...file, path });
      yield { ...file, path };
    }
  }
  const title = `cluster ${first.cluster.name}, for every recovery host`;
  yield* forReview(first, title, all, [...recovers, triage], templates);
}

function* planFiles(
  plan: Plan,
  inventory: string | null,
  templates: Templates,
): Generator<EmittedFile> {
  yield { path: 'plan.json', mode: 0o644, text: planText(plan) };
  if (inventory !== null) yield inventoryFile(inventory);
  const runbook = runbookView(plan, templates);
  yield { path: 'RUNBOOK.md', mode: 0o644, text: emitRunbook(runbook, templates) };
  yield { path: 'RUNBOOK.html', mode: 0o644, text: emitRunbookHtml(runbook, templates) };
  const scripts = reader();
  for (const turn of [...executionOrder(plan), ...plan.asides]) {
    const parts = scriptParts(plan, turn, templates);
    scripts.add(turn.path, parts);
    yield scriptFile(turn, parts);
  }
  const companions = [emitRecover(plan, templates), emitTriage(plan, templates)];
  yield* companions;
  const title = `recovery of cluster ${plan.cluster.name} on ${plan.recovery.host}`;
  yield* forReview(plan, title, scripts, companions, templates);
}

/** The sheet to review the scripts with, and the script that recomputes their digests. */
function* forReview(
  { tools = [] }: Plan,
  title: string,
  scripts: Reader,
  companions: readonly EmittedFile[],
  templates: Templates,
): Generator<EmittedFile> {
  const check: EmittedFile = { path: 'review.sh', mode: 0o755, text: templates.reviewScript };
  const text = emitReview(title, scripts.review(), [...companions, check], templates, tools);
  yield { path: 'REVIEW.md', mode: 0o644, text };
  yield check;
}

/** The text of plan.json. */
export function planText(plan: Plan): string {
  return `${JSON.stringify(plan, null, 2)}\n`;
}

// Only line ends are changed, so that a bundle has the same bytes whatever the inventory's editor.
function inventoryFile(text: string): EmittedFile {
  const lines = text.replaceAll('\r\n', '\n');
  return { path: 'inventory.json', mode: 0o644, text: lines.endsWith('\n') ? lines : `${lines}\n` };
}

function* summed(files: Files, tools: readonly Sum[]): Generator<EmittedFile> {
  const sums: Sum[] = [...tools];
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

/** The text of a manifest, sorted by path. */
export function manifestText(sums: readonly Sum[]): string {
  const sorted = [...sums].sort((a, b) => (a.path < b.path ? -1 : 1));
  return sorted.map(({ path, sha256 }) => `${sha256}  ${path}\n`).join('');
}

/**
 * The lines of a manifest, or null if it is not one of ours. The listed files may be deleted later,
 * so paths that leave the directory are not accepted.
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

/** Whether a path stays inside the bundle and has no empty, `.` or `..` part. */
function staysInside(path: string): boolean {
  return path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
}

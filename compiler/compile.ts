// The pipeline: an inventory (or a plan) -> a bundle in its directory, or all that is in the way.

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { bundle, type Files, planBundle } from './bundle/bundle.ts';
import { compare, discard, obstacles, publish, type Staged, stage } from './bundle/write.ts';
import type { Linter } from './check/shellcheck.ts';
import { type Diagnostic, diagnostic, hasErrors } from './diagnostic.ts';
import type { EmittedFile } from './emit/script.ts';
import { loadTemplates } from './emit/templates.ts';
import { parse } from './inventory/parse.ts';
import { build } from './plan/build.ts';
import type { Plan } from './plan/ir.ts';
import { executionOrder } from './plan/order.ts';
import { assess, recoveryCandidates } from './quorum.ts';

/** Where a bundle goes: written to a directory, or compared with the one that is there. */
export interface Destination {
  readonly directory: string;
  readonly compareOnly: boolean;
}

/** How the scripts are checked before they take their place. */
export interface Checks {
  /** False: neither bash -n nor ShellCheck nor the house rules; the result says so. */
  readonly enabled: boolean;
  readonly shellcheck: string | null;
  readonly required: boolean;
}

/** What became of it. `exit`: 0 yes, 1 no, 2 could not. */
export interface Outcome {
  readonly exit: 0 | 1 | 2;
  readonly diagnostics: readonly Diagnostic[];
  readonly result: Result | null;
}

/** The result as machines read it. */
interface Result {
  readonly directory: string;
  readonly state: 'written' | 'unchanged' | 'same';
  readonly files: number;
  readonly scripts: number;
  /** Whether bash -n, ShellCheck and the house rules have read every script on this machine. */
  readonly linted: boolean;
  readonly lint: Linter;
  readonly plans: readonly PlanSummary[];
}

/** One plan of the bundle. */
interface PlanSummary {
  readonly name: string;
  readonly recoveryHost: string;
  readonly because: string;
  readonly quorum: string;
  readonly first: string;
}

/** Reads, parses, assesses, builds, emits, checks and writes. `lost` are the ids of `--lost`. */
export async function compile(
  file: string,
  lost: readonly string[],
  destination: Destination,
  checks: Checks,
): Promise<Outcome> {
  const text = readText(file);
  if (typeof text !== 'string') return could(text);
  const parsed = parse(text, file, lost);
  if (!parsed.ok) return { exit: 1, diagnostics: parsed.diagnostics, result: null };
  const plans = planAll(parsed.inventory);
  const files = bundle(plans, text, loadTemplates());
  const outcome = await deliver(plans, files, destination, checks);
  return { ...outcome, diagnostics: [...parsed.diagnostics, ...outcome.diagnostics] };
}

/** The pipeline from the plan on: the plan.json of a bundle -> the same bundle again. */
export async function emit(
  file: string,
  destination: Destination,
  checks: Checks,
): Promise<Outcome> {
  const read = await readPlanFile(file);
  if (!read.ok) return read.outcome;
  // Beside the plan lies the inventory of its bundle: carried along unread, no part of the plan.
  const beside = join(dirname(file), 'inventory.json');
  const inventory = existsSync(beside) ? readText(beside) : null;
  if (inventory !== null && typeof inventory !== 'string') return could(inventory);
  const files = planBundle(read.plan, inventory, loadTemplates());
  return deliver([read.plan], files, destination, checks);
}

/** The plan in a file, or why there is none. */
export async function readPlanFile(
  file: string,
): Promise<
  { readonly ok: true; readonly plan: Plan } | { readonly ok: false; readonly outcome: Outcome }
> {
  const text = readText(file);
  if (typeof text !== 'string') return { ok: false, outcome: could(text) };
  const { readPlan } = await import('./plan/read.ts');
  const read = readPlan(text, file);
  if (read.ok) return read;
  return { ok: false, outcome: { exit: 1, diagnostics: read.diagnostics, result: null } };
}

/** The plans of a valid inventory: one, or before an incident one for each candidate. */
export function planAll(inventory: Parameters<typeof build>[0]): readonly Plan[] {
  const quorum = assess(inventory);
  return recoveryCandidates(inventory).map((choice) => build(inventory, quorum, choice));
}

/** Files -> their place, checked before they take it. */
async function deliver(
  plans: readonly Plan[],
  files: Files,
  { directory, compareOnly }: Destination,
  checks: Checks,
): Promise<Outcome> {
  return compareOnly ? compared(plans, files, directory) : written(plans, files, directory, checks);
}

function compared(plans: readonly Plan[], files: Files, directory: string): Outcome {
  const counted = counter(files);
  const diagnostics = compare(directory, counted.files);
  const linter = { found: false, because: 'a comparison lints nothing' } as const;
  const result = summary(plans, directory, 'same', counted.count(), linter, false);
  return diagnostics.length > 0
    ? { exit: 1, diagnostics, result: null }
    : { exit: 0, diagnostics, result };
}

async function written(
  plans: readonly Plan[],
  files: Files,
  directory: string,
  checks: Checks,
): Promise<Outcome> {
  const blocked = obstacles(directory);
  if (blocked.length > 0) return { exit: 2, diagnostics: blocked, result: null };
  const counted = counter(files);
  let staged: Staged;
  try {
    staged = stage(directory, counted.files);
  } catch (error) {
    return could(unwritable(directory, error));
  }
  const checked = await check(staged, checks);
  if (hasErrors(checked.diagnostics)) {
    discard(staged);
    const could = checked.diagnostics.some(({ code }) => code === 'CHK011' || code === 'CHK012');
    return { exit: could ? 2 : 1, diagnostics: checked.diagnostics, result: null };
  }
  try {
    const state = publish(staged);
    const { linter, linted } = checked;
    const result = summary(plans, directory, state, counted.count(), linter, linted);
    return { exit: 0, diagnostics: checked.diagnostics, result };
  } catch (error) {
    discard(staged);
    return could(unwritable(directory, error));
  }
}

interface Checked {
  readonly linter: Linter;
  readonly linted: boolean;
  readonly diagnostics: readonly Diagnostic[];
}

/** The checks of the scripts where they are staged; loaded only where they are wanted. */
async function check({ directory, paths }: Staged, checks: Checks): Promise<Checked> {
  if (!checks.enabled) {
    const linter = { found: false, because: 'left out, as asked by --no-lint' } as const;
    return { linter, linted: false, diagnostics: [] };
  }
  const [{ checkSyntax }, { lint }, { checkHouse }] = await Promise.all([
    import('./check/bash.ts'),
    import('./check/shellcheck.ts'),
    import('./check/house.ts'),
  ]);
  const scripts = paths.filter((path) => path.endsWith('.sh'));
  const texts = scripts.map((path) => ({
    path,
    text: readFileSync(join(directory, path), 'utf8'),
  }));
  const syntax = await checkSyntax(directory, scripts);
  const linted = await lint(directory, scripts, checks.shellcheck);
  const { linter } = linted;
  const missing = linter.found ? [] : [unlinted(linter.because, checks)];
  return {
    linter,
    linted: linter.found,
    diagnostics: [...syntax, ...linted.findings, ...checkHouse(texts), ...missing],
  };
}

function unlinted(because: string, checks: Checks): Diagnostic {
  const required = checks.required || checks.shellcheck !== null;
  return diagnostic(
    required ? 'CHK011' : 'CHK010',
    { file: checks.shellcheck ?? 'shellcheck', position: null },
    {
      what: `no ShellCheck could be had (${because || 'none found'})`,
      why: 'The scripts were not linted on this machine.',
      remedy: 'Install ShellCheck and compile again, or name one with --shellcheck PATH.',
    },
  );
}

/** Counts files and scripts as they pass. */
function counter(files: Files): {
  readonly files: Files;
  readonly count: () => { readonly files: number; readonly scripts: number };
} {
  let all = 0;
  let scripts = 0;
  function* passing(): Generator<EmittedFile> {
    for (const file of files) {
      all += 1;
      if (file.path.endsWith('.sh')) scripts += 1;
      yield file;
    }
  }
  return { files: passing(), count: () => ({ files: all, scripts }) };
}

function summary(
  plans: readonly Plan[],
  directory: string,
  state: Result['state'],
  counts: { readonly files: number; readonly scripts: number },
  lint: Linter,
  linted: boolean,
): Result {
  return {
    directory,
    state,
    files: counts.files,
    scripts: counts.scripts,
    linted,
    lint,
    plans: plans.map((plan) => ({
      name: plan.name,
      recoveryHost: plan.recovery.host,
      because: plan.recovery.because,
      quorum: plan.quorum.words,
      first: executionOrder(plan)[0]?.path ?? '',
    })),
  };
}

/** The text of a file, or why it cannot be read. */
function readText(file: string): string | Diagnostic {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(readFileSync(file));
  } catch (error) {
    return diagnostic(
      'BUN001',
      { file, position: null },
      {
        what: `${file} cannot be read: ${message(error)}`,
        why: 'There is nothing to work on.',
        remedy: 'Name a file of UTF-8 text that is there and may be read.',
      },
    );
  }
}

function unwritable(file: string, error: unknown): Diagnostic {
  return diagnostic(
    'BUN005',
    { file, position: null },
    {
      what: `the bundle cannot be written: ${message(error)}`,
      why: 'The directory is as it was before.',
      remedy: 'Mend what the system says, or write somewhere else.',
    },
  );
}

function could(reason: Diagnostic): Outcome {
  return { exit: 2, diagnostics: [reason], result: null };
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

// The pipeline: an inventory or a plan -> a bundle in its directory, or the problems.

import { dirname, join } from 'node:path';
import { bundle, type Contents, type Files, planBundle, withTools } from './bundle/bundle.ts';
import {
  type DeliveredBundle,
  type Delivery,
  type Destination,
  deliver,
} from './bundle/deliver.ts';
import { bundlePaths } from './bundle/mark.ts';
import { inputName, planLimit, readInput } from './bundle/text.ts';
import { exists } from './bundle/tree.ts';
import type { Checks } from './check/check.ts';
import { asErrors, type Diagnostic, diagnostic, hasErrors } from './diagnostic.ts';
import { loadTemplates } from './emit/templates.ts';
import { parse } from './inventory/parse.ts';
import type { Inventory } from './inventory/schema.ts';
import { build } from './plan/build.ts';
import { signed } from './plan/digest.ts';
import type { Plan } from './plan/ir.ts';
import { executionOrder } from './plan/order.ts';
import { readPlan } from './plan/read.ts';
import { belongsTo } from './plan/source.ts';
import { assess, recoveryCandidates } from './quorum.ts';
import type { FoundTool, Inspected } from './tools/inspect.ts';

/** What became of it. `exit`: 0 yes, 1 no, 2 could not. */
export interface Outcome {
  readonly exit: 0 | 1 | 2;
  readonly diagnostics: readonly Diagnostic[];
  /** The texts that diagnostics have positions in, by the name of the file. */
  readonly sources?: ReadonlyMap<string, string>;
  /** What differs as a unified diff, if it was asked for. */
  readonly diff?: string;
  /** The bundle in its place, as machines read it. */
  readonly result:
    | (DeliveredBundle & {
        readonly plans: readonly PlanSummary[];
        /** The tools in the bundle. `ran`: it was run on this machine to find its version. */
        readonly tools: readonly ToolSummary[];
      })
    | null;
}

type ToolSummary = Pick<FoundTool, 'name' | 'architecture' | 'version' | 'sha256' | 'ran'>;

/** One plan of the bundle. */
interface PlanSummary {
  readonly name: string;
  readonly recoveryHost: string;
  readonly because: string;
  readonly quorum: string;
  readonly first: string;
}

/** What is compiled besides the inventory. */
export interface Request {
  /** The ids of `--lost`. */
  readonly lost: readonly string[];
  /** Warnings count as errors. */
  readonly strict: boolean;
  /** Null: a directory with the name of the cluster next to the inventory. */
  readonly destination: Destination | null;
  /** The directory of `--tools`. Null: the bundle has no tools. */
  readonly tools?: string | null;
}

/** Inventory -> bundle. */
export async function compile(file: string, request: Request, checks: Checks): Promise<Outcome> {
  const text = await readInput(file);
  if (typeof text !== 'string') return failed(2, [text]);
  return compileText(text, inputName(file), request, checks);
}

/** The text of an inventory -> bundle. `file` names it in diagnostics. */
export async function compileText(
  text: string,
  file: string,
  { lost, strict, destination, tools = null }: Request,
  checks: Checks,
): Promise<Outcome> {
  const sources = new Map([[file, text]]);
  const parsed = parse(text, file, lost);
  const warnings = strict ? asErrors(parsed.diagnostics) : parsed.diagnostics;
  if (!parsed.ok || hasErrors(warnings)) return { ...failed(1, warnings), sources };
  const hopeless = await hopelessChecks(checks);
  if (hopeless !== null) return failed(2, [hopeless]);
  const place = destination ?? defaultPlace(file, parsed.inventory);
  if ('code' in place) return failed(2, [place]);
  const inspected = await inspectAll(tools, checks);
  const found = [
    ...warnings,
    ...(strict ? asErrors(inspected.diagnostics) : inspected.diagnostics),
  ];
  if (hasErrors(found)) return { ...failed(1, found), sources };
  checks.progress('Writing the bundle');
  const plans = await withPlannedTools(planAll(parsed.inventory), inspected.tools);
  const files = await carried(bundle(plans, text, loadTemplates()), inspected.tools);
  const delivery = await deliver(files, place, checks);
  return { ...outcome(plans, found, delivery, inspected.tools), sources };
}

function defaultPlace(file: string, { cluster }: Inventory): Destination | Diagnostic {
  const folder = dirname(file);
  if (!exists(join(folder, 'plan.json')) && typeof bundlePaths(folder) === 'string') {
    return { directory: join(folder, cluster), compareOnly: false };
  }
  return diagnostic(
    'BUN006',
    { file, position: null },
    {
      what: `${folder} holds this inventory and a plan.json, so it seems to be a bundle`,
      why: 'The default place would be inside of it, and the bundle would no longer be as reviewed.',
      remedy: 'Name the directory for the new bundle: --out DIRECTORY.',
    },
  );
}

/** plan.json of a bundle -> the same bundle. */
export async function emit(
  file: string,
  destination: Destination,
  checks: Checks,
): Promise<Outcome> {
  const read = await readPlanFile(file);
  if (!read.ok) return read.outcome;
  const hopeless = await hopelessChecks(checks);
  if (hopeless !== null) return failed(2, [hopeless]);
  // Next to the plan lies the inventory of its bundle.
  const next = join(dirname(file), 'inventory.json');
  const inventory = exists(next) ? await readInput(next) : null;
  if (inventory !== null && typeof inventory !== 'string') return failed(2, [inventory]);
  if (inventory !== null && !belongsTo(read.plan, inventory, next)) {
    return failed(1, [foreignInventory(next, file)]);
  }
  const { tools, diagnostics } = await toolsOfPlan(read.plan, dirname(file));
  if (hasErrors(diagnostics)) return failed(2, diagnostics);
  checks.progress('Writing the bundle');
  const files = await carried(planBundle(read.plan, inventory, loadTemplates()), tools);
  return outcome([read.plan], [], await deliver(files, destination, checks), tools);
}

// The code for tools is loaded only if there are any.

async function inspectAll(directory: string | null, checks: Checks): Promise<Inspected> {
  if (directory === null) return { tools: [], diagnostics: [] };
  checks.progress('Checking the tools');
  return (await import('./tools/inspect.ts')).inspectTools(directory);
}

async function toolsOfPlan({ tools }: Plan, folder: string): Promise<Inspected> {
  if (tools === undefined) return { tools: [], diagnostics: [] };
  return (await import('./tools/inspect.ts')).plannedTools(folder, tools);
}

async function withPlannedTools(
  plans: readonly Plan[],
  found: readonly FoundTool[],
): Promise<readonly Plan[]> {
  if (found.length === 0) return plans;
  const tools = (await import('./tools/inspect.ts')).asPlanned(found);
  return plans.map((plan) => signed({ ...plan, tools }));
}

async function carried(files: Files, tools: readonly FoundTool[]): Promise<Contents> {
  if (tools.length === 0) return files;
  return withTools(files, (await import('./tools/inspect.ts')).toolFiles(tools));
}

function foreignInventory(file: string, plan: string): Diagnostic {
  return diagnostic(
    'PLAN008',
    { file, position: null },
    {
      what: `this inventory is not the one from which ${plan} was compiled`,
      why: 'The bundle would hold an inventory that its scripts do not follow.',
      remedy: 'Copy both files from one bundle, or compile the inventory: plan compile.',
    },
  );
}

/** Why the checks cannot succeed; the checks are loaded only if they are wanted. */
async function hopelessChecks(checks: Checks): Promise<Diagnostic | null> {
  if (!checks.enabled || checks.shellcheck === null) return null;
  return (await import('./check/check.ts')).hopeless(checks.shellcheck);
}

/** The plan in a file, or why there is none. */
export async function readPlanFile(
  file: string,
): Promise<
  { readonly ok: true; readonly plan: Plan } | { readonly ok: false; readonly outcome: Outcome }
> {
  const text = await readInput(file, planLimit);
  if (typeof text !== 'string') return { ok: false, outcome: failed(2, [text]) };
  const read = readPlan(text, inputName(file));
  return read.ok ? read : { ok: false, outcome: failed(1, read.diagnostics) };
}

/** The plans of a valid inventory: one, or before an incident one for each candidate. */
export function planAll(inventory: Inventory): readonly Plan[] {
  const quorum = assess(inventory);
  return recoveryCandidates(inventory).map((choice) => build(inventory, quorum, choice));
}

function outcome(
  plans: readonly Plan[],
  warnings: readonly Diagnostic[],
  { exit, diagnostics, delivered, diff }: Delivery,
  found: readonly FoundTool[],
): Outcome {
  const tools = found.map(({ file, ...tool }) => tool);
  const result = delivered === null ? null : { ...delivered, plans: plans.map(summaryOf), tools };
  const shown = diff === undefined ? {} : { diff };
  return { exit, diagnostics: [...warnings, ...diagnostics], result, ...shown };
}

function summaryOf(plan: Plan): PlanSummary {
  return {
    name: plan.name,
    recoveryHost: plan.recovery.host,
    because: plan.recovery.because,
    quorum: plan.quorum.words,
    first: executionOrder(plan)[0]?.path ?? '',
  };
}

function failed(exit: 1 | 2, diagnostics: readonly Diagnostic[]): Outcome {
  return { exit, diagnostics, result: null };
}

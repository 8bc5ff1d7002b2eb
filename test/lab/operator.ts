// Turns a compiled bundle into log-ins and script runs on the machines, in the plan's own order.

import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { $ } from 'zx';
import type { HostState, Plan, Turn } from '../../compiler/plan/ir.ts';
import { type Cluster, type Host, hostOf } from './cluster.ts';
import { attempt, copyIn, rootOf, run } from './machines.ts';

/** A compiled bundle: where it lies, its plan, its turns in the order of execution. */
export type Bundle = {
  readonly directory: string;
  readonly plan: Plan;
  readonly turns: readonly Turn[];
};

/** One run of one script, as the operator saw it. */
export type ScriptRun = {
  readonly path: string;
  readonly host: string;
  readonly options: readonly string[];
  readonly status: number;
  readonly output: string;
  readonly began: number;
  readonly seconds: number;
};

/** The person of the runbook: holds the bundle, remembers where they are logged in. */
export type Operator = {
  /** The scenario's name, for transcripts. */
  readonly label: string;
  readonly cluster: Cluster;
  readonly bundle: Bundle;
  readonly runs: ScriptRun[];
  /** Numbers transcripts, looks and second runs included. */
  readonly transcripts: { count: number };
  /** Log-ins so far: a log-in is a change of machine. */
  readonly visits: string[];
};

const project = fileURLToPath(new URL('../../', import.meta.url));
const carried = '/root/recovery';
const transcripts = join(project, '.cache/lab/runs');

/** The inventory of a cluster, as its owner would have written it down. */
export function inventoryOf(
  cluster: Cluster,
  states: Readonly<Record<string, Exclude<HostState, null>>>,
  recovery: Readonly<Record<string, unknown>>,
  stackFile: string | null = null,
): unknown {
  return {
    cluster: 'lab',
    notes: 'A cluster of the lab.',
    swarm: { stack: 'control-plane', ...(stackFile === null ? {} : { stackFile }) },
    hosts: cluster.hosts.map((host) => ({
      id: host.id,
      addresses: [host.machine.address],
      mode: host.mode,
      dataDirectory: host.dataDirectory,
      ports: host.ports,
      ...(states[host.id] === undefined ? {} : { state: states[host.id] }),
    })),
    recovery: { tools: { directory: '/opt/etcd' }, ...recovery },
  };
}

/**
 * Compiles an inventory with the built compiler.
 *
 * @param candidate which bundle of a before-the-incident compile to take, by recovery host.
 */
export async function compileBundle(
  cluster: Cluster,
  inventory: unknown,
  name = 'bundle',
  candidate: string | null = null,
): Promise<Bundle> {
  const folder = join(cluster.network.state.directory, 'bundles');
  await mkdir(folder, { recursive: true });
  const file = join(folder, `${name}.json`);
  await writeFile(file, JSON.stringify(inventory, null, 2));
  const goal = join(folder, name);
  const cli = join(project, 'dist/cli.js');
  // Linting the same templates once more is the tests' work, not the lab's.
  const answer = await $({
    nothrow: true,
    quiet: true,
  })`${process.execPath} ${cli} compile ${file} --out ${goal} --no-lint`;
  if (answer.exitCode !== 0) throw new Error(`compile failed: ${answer.stdout}${answer.stderr}`);
  return readBundle(candidate === null ? goal : join(goal, candidate));
}

async function readBundle(directory: string): Promise<Bundle> {
  const plan = JSON.parse(await readFile(join(directory, 'plan.json'), 'utf8')) as Plan;
  const turns = plan.phases.flatMap((phase) => phase.turns);
  const inOrder = [...turns].sort((a, b) => (a.path < b.path ? -1 : 1));
  return { directory, plan, turns: inOrder };
}

/** A person who has carried the bundle to every machine that is there. */
export async function sendOperator(
  cluster: Cluster,
  bundle: Bundle,
  label: string,
): Promise<Operator> {
  for (const host of cluster.hosts) await carry(bundle, host);
  await rm(join(transcripts, label), { recursive: true, force: true });
  await mkdir(join(transcripts, label), { recursive: true });
  return { label, cluster, bundle, runs: [], transcripts: { count: 0 }, visits: [] };
}

/** Copies the bundle onto a machine's disk; a replaced machine needs it anew. */
export async function carry(bundle: Bundle, host: Host): Promise<void> {
  await copyIn(host.machine, bundle.directory, carried);
}

/**
 * Logs in where the script belongs and runs it.
 *
 * @param options `--apply` and what the runbook says besides.
 * @param wanted statuses that are no failure.
 * @throws with the step, the machine and its script log.
 */
export async function runScript(
  operator: Operator,
  path: string,
  options: readonly string[],
  wanted: readonly number[] = [0],
): Promise<ScriptRun> {
  const host = hostOf(operator.cluster, turnOf(operator.bundle, path).host);
  if (operator.visits.at(-1) !== host.id) operator.visits.push(host.id);
  const began = Date.now();
  const ran = await attempt(host.machine, ['bash', `${carried}/${path}`, ...options]);
  const output = `${ran.stdout}${ran.stderr}`;
  const { status, seconds } = ran;
  const done = { path, host: host.id, options, status, output, began, seconds };
  operator.runs.push(done);
  await keepTranscript(operator, done);
  if (!wanted.includes(status)) throw new Error(await failureOf(host, done));
  return done;
}

/** What each run said, for people: .cache/lab/runs holds the last lab's. */
async function keepTranscript(operator: Operator, ran: ScriptRun): Promise<void> {
  operator.transcripts.count += 1;
  const number = String(operator.transcripts.count).padStart(2, '0');
  const name = `${number}-${ran.path.replaceAll('/', '.')}.txt`;
  const head = `${ran.path} ${ran.options.join(' ')}: status ${ran.status}, ${ran.seconds} s\n`;
  await writeFile(join(transcripts, operator.label, name), head + ran.output);
}

function turnOf(bundle: Bundle, path: string): Turn {
  const turn = [...bundle.turns, ...bundle.plan.asides].find((one) => one.path === path);
  if (turn === undefined) throw new Error(`no script ${path} in this bundle`);
  return turn;
}

/** Which step of which script on which machine, with that machine's own log. */
async function failureOf(host: Host, ran: ScriptRun): Promise<string> {
  const lines = ran.output.trimEnd().split('\n');
  const step = lines.filter((line) => line.includes('  == ')).at(-1) ?? 'before the first step';
  const log = await scriptLogs(host, ran.path);
  return [
    `${ran.path} ${ran.options.join(' ')} on ${host.id} ended with status ${ran.status}`,
    `in step: ${step}`,
    '--- what it said',
    ...lines.slice(-60),
    '--- its log on the machine (last lines)',
    ...log.trimEnd().split('\n').slice(-25),
  ].join('\n');
}

/** Text of the logs that a script has left in a host's data directory. */
export async function scriptLogs(host: Host, path: string): Promise<string> {
  const folder = join(rootOf(host.machine), host.dataDirectory, 'plan-recovery');
  const name = `${path.replaceAll('/', '.')}.log`;
  const texts: string[] = [];
  for (const state of await readdir(folder).catch(() => [])) {
    texts.push(await readFile(join(folder, state, 'log', name), 'utf8').catch(() => ''));
  }
  return texts.join('');
}

/** How a scenario departs from simply running every expected script. */
export type Story = {
  /** Scripts to run besides those that are always run: the runbook's "if told". */
  readonly told?: (bundle: Bundle) => readonly string[];
  /** Called before a script's first run: machines come back, tokens are handed over. */
  readonly before?: (turn: Turn, bundle: Bundle, operator: Operator) => Promise<void>;
  readonly after?: (turn: Turn) => Promise<void>;
  /** Options beyond `--apply` for one script. */
  readonly options?: (turn: Turn) => readonly string[];
  /** Look before acting, as the runbook says; looking must change nothing. */
  readonly look?: boolean;
  /** Scripts that are expected to refuse (78) and to name another one instead. */
  readonly refused?: (turn: Turn) => boolean;
  /** Stop after the script at this path. */
  readonly last?: string;
};

/** Runs the bundle's scripts in their order. */
export async function followPlan(operator: Operator, story: Story = {}): Promise<void> {
  const { bundle } = operator;
  const told = story.told?.(bundle) ?? [];
  for (const turn of bundle.turns) {
    if (turn.when !== 'always' && !told.includes(turn.path)) continue;
    await story.before?.(turn, bundle, operator);
    const options = [...fencing(operator, turn), ...(story.options?.(turn) ?? [])];
    if (story.look === true) await look(operator, turn.path, options);
    if (story.refused?.(turn) === true) {
      await runScript(operator, turn.path, ['--apply', ...options], [78]);
    } else {
      await act(operator, turn.path, options);
    }
    await story.after?.(turn);
    if (turn.path === story.last) return;
  }
}

/** Runs one script with `--apply`; exit status 75 means "run me again", so the operator does. */
export async function act(
  operator: Operator,
  path: string,
  options: readonly string[] = [],
): Promise<ScriptRun> {
  for (let round = 1; round <= 2; round += 1) {
    const ran = await runScript(operator, path, ['--apply', ...options], [0, 75]);
    if (ran.status === 0) return ran;
  }
  return runScript(operator, path, ['--apply', ...options]);
}

/** In phase 1 the operator vouches for each server host whose power is known to be off. */
function fencing(operator: Operator, turn: Turn): readonly string[] {
  const targets = turn.steps.flatMap((step) =>
    step.kind === 'fence-hosts' ? step.params.hosts.map((host) => host.target) : [],
  );
  const off = targets.filter((id) => hostOf(operator.cluster, id).machine.power.pid === null);
  return off.flatMap((id) => ['--fenced', id]);
}

async function look(operator: Operator, path: string, options: readonly string[]): Promise<void> {
  const host = hostOf(operator.cluster, turnOf(operator.bundle, path).host);
  const before = await listing(host);
  await runScript(operator, path, options, [0, 3]);
  // A look is no part of the recovery's count, only the first impression of it.
  operator.runs.pop();
  const after = await listing(host);
  if (before !== after) throw new Error(`looking with ${path} changed ${host.id}:\n${after}`);
}

/** Names, sizes and modes in the data directory; sizes of living databases may change. */
async function listing(host: Host): Promise<string> {
  const format = '%m %u %g %y %P\n';
  const files = await run(host.machine, ['find', host.dataDirectory, '-printf', format]);
  const lines = files.stdout.split('\n').filter((line) => !/member\/(wal|snap)\//.test(line));
  return lines.sort().join('\n');
}

/** How often the operator had to change machines. */
export const logIns = (operator: Operator): number => operator.visits.length;

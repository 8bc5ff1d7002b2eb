// Turns a compiled bundle into log-ins and script runs on the machines, in the plan's own order.

import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { $ } from 'zx';
import type { HostState } from '../../compiler/hosts.ts';
import type { Plan, Turn } from '../../compiler/plan/ir.ts';
import { executionOrder } from '../../compiler/plan/order.ts';
import { type Cluster, type Host, hostOf, serversOf } from './cluster.ts';
import { attempt, begin, copyIn, rootOf, run } from './machines.ts';

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
  /** Where the bundle lies on each machine. */
  readonly carried: string;
  /** What runs the scripts, such as a command that hides tools from them; nothing as a rule. */
  readonly shell: readonly string[];
  readonly runs: ScriptRun[];
  /** Numbers transcripts, looks and second runs included. */
  readonly transcripts: { count: number };
  /** Log-ins so far: a log-in is a change of machine. */
  readonly visits: string[];
};

const project = fileURLToPath(new URL('../../', import.meta.url));
const usualPlace = '/root/recovery';
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
  options: readonly string[] = [],
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
  })`${process.execPath} ${cli} compile ${file} --out ${goal} --no-lint ${options}`;
  if (answer.exitCode !== 0) throw new Error(`compile failed: ${answer.stdout}${answer.stderr}`);
  return readBundle(candidate === null ? goal : join(goal, candidate));
}

async function readBundle(directory: string): Promise<Bundle> {
  const plan = JSON.parse(await readFile(join(directory, 'plan.json'), 'utf8')) as Plan;
  return { directory, plan, turns: executionOrder(plan) };
}

/** A person who has carried the bundle to every machine that is there. */
export async function sendOperator(
  cluster: Cluster,
  bundle: Bundle,
  label: string,
  carried = usualPlace,
): Promise<Operator> {
  for (const host of cluster.hosts) await carry(bundle, host, carried);
  return newOperator(cluster, bundle, label, carried);
}

/** A person whose bundle is at that place on every machine. */
export async function newOperator(
  cluster: Cluster,
  bundle: Bundle,
  label: string,
  carried: string,
  shell: readonly string[] = [],
): Promise<Operator> {
  await rm(join(transcripts, label), { recursive: true, force: true });
  await mkdir(join(transcripts, label), { recursive: true });
  return {
    label,
    cluster,
    bundle,
    carried,
    shell,
    runs: [],
    transcripts: { count: 0 },
    visits: [],
  };
}

/** Copies the bundle onto a machine's disk; a replaced machine needs it again. */
export async function carry(
  bundle: Bundle,
  host: Host,
  carried: string = usualPlace,
): Promise<void> {
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
  const argv = [...operator.shell, 'bash', `${operator.carried}/${path}`, ...options];
  const ran = await attempt(host.machine, argv);
  const output = `${ran.stdout}${ran.stderr}`;
  const { status, seconds } = ran;
  const done = { path, host: host.id, options, status, output, began, seconds };
  operator.runs.push(done);
  await keepTranscript(operator, done);
  if (!wanted.includes(status)) throw new Error(await failureOf(host, done));
  return done;
}

/**
 * Runs a script with `--apply` until its log shows a line, which its next command follows within
 * milliseconds.
 *
 * @returns the script, still running, for the caller to interrupt.
 * @throws if the script ends before that.
 */
export async function runUntil(
  operator: Operator,
  path: string,
  options: readonly string[],
  line: RegExp,
): Promise<ReturnType<typeof begin>> {
  const host = hostOf(operator.cluster, turnOf(operator.bundle, path).host);
  const seen = (await scriptLogs(host, path)).length;
  const argv = [...operator.shell, 'bash', `${operator.carried}/${path}`, '--apply', ...options];
  const script = begin(host.machine, argv);
  let over = false;
  void script.done.then(() => {
    over = true;
  });
  const deadline = Date.now() + 240_000;
  while (!line.test((await scriptLogs(host, path)).slice(seen))) {
    if (over) {
      const { status, stdout, stderr } = await script.done;
      throw new Error(`${path} ended with status ${status} before ${line}:\n${stdout}${stderr}`);
    }
    if (Date.now() > deadline) throw new Error(`${path}: no ${line} within 240 s`);
    await sleep(3);
  }
  return script;
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
async function scriptLogs(host: Host, path: string): Promise<string> {
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
  /** Scripts to run besides those that are always run: the runbook's "Only if needed". */
  readonly named?: (bundle: Bundle) => readonly string[];
  /** Scripts of hosts that never return. */
  readonly skipped?: (turn: Turn) => boolean;
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
  /** The operator types `bash recover.sh` and nothing else, and logs in where it says. */
  readonly recover?: boolean;
};

/** Runs the bundle's scripts in their order. */
export async function followPlan(operator: Operator, story: Story = {}): Promise<void> {
  const { bundle } = operator;
  const named = story.named?.(bundle) ?? [];
  for (const turn of bundle.turns) {
    if (turn.when !== 'always' && !named.includes(turn.path)) continue;
    if (story.skipped?.(turn) === true) continue;
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

/**
 * Runs recover.sh, first on the recovery host, then wherever it sends the operator, until it says that
 * the recovery is finished.
 */
export async function followRecover(operator: Operator, story: Story = {}): Promise<void> {
  const { bundle } = operator;
  const first = turnOfPhase(bundle, 1);
  let next: Turn = first;
  for (let logIn = 1; logIn <= 20; logIn += 1) {
    await story.before?.(next, bundle, operator);
    const here = bundle.turns.filter((turn) => turn.host === next.host);
    const options = here.flatMap((turn) => story.options?.(turn) ?? []);
    const output = await runRecover(operator, next.host, [...fencing(operator, first), ...options]);
    if (output.includes('The recovery is finished')) return;
    const [, path = ''] = /Next: (\S+)\. Log in to \S+ \(/u.exec(output) ?? [];
    next = turnOf(bundle, path);
  }
  throw new Error('recover.sh sent the operator around 20 times');
}

/** One log-in: recover.sh on a host, again if it is busy. Notes each script that it has applied. */
async function runRecover(
  operator: Operator,
  hostId: string,
  options: readonly string[],
): Promise<string> {
  const host = hostOf(operator.cluster, hostId);
  operator.visits.push(host.id);
  for (let round = 1; ; round += 1) {
    const began = Date.now();
    const script = `${operator.carried}/recover.sh`;
    const argv = [...operator.shell, 'bash', script, '--yes', ...options];
    const { status, stdout, stderr, seconds } = await attempt(host.machine, argv);
    const output = `${stdout}${stderr}`;
    const ran = { host: host.id, options, status, began, seconds };
    await keepTranscript(operator, { ...ran, path: 'recover.sh', output });
    for (const part of output.split(/^(?=.*: apply$)/mu).slice(1)) {
      const [, path = ''] = / (\S+\.sh) on \S+, plan .*: apply$/mu.exec(part) ?? [];
      operator.runs.push({ ...ran, path, output });
    }
    if (status === 0) return output;
    if (status !== 75 || round === 3) {
      throw new Error(await failureOf(host, { ...ran, path: 'recover.sh', output }));
    }
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

/**
 * In phase 1 the operator vouches for each server host whose power is known to be off, and for those
 * that are `stopped` otherwise.
 */
export function fencing(
  operator: Operator,
  turn: Turn,
  stopped: readonly string[] = [],
): readonly string[] {
  if (!turn.steps.some((step) => step.kind === 'fence-hosts')) return [];
  const others = serversOf(operator.cluster).filter((host) => host.id !== turn.host);
  const isOff = (host: Host): boolean =>
    host.machine.power.pid === null || stopped.includes(host.id);
  const off = others.filter(isOff);
  return off.length === 0 ? [] : ['--fenced', off.map((host) => host.id).join(',')];
}

/** The script of a guide phase on the recovery host. */
export function turnOfPhase(bundle: Bundle, phase: 1 | 2 | 3 | 4): Turn {
  const [turn] = bundle.plan.phases[phase - 1]?.turns ?? [];
  if (turn === undefined) throw new Error(`no script of phase ${phase}`);
  return turn;
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

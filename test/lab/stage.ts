// Turns a scenario's few lines (which hosts, what is lost, what comes back) into a recovery with
// its proofs: build, write known data, lose, recover by script, verify.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HostState } from '../../compiler/hosts.ts';
import type { Turn } from '../../compiler/plan/ir.ts';
import { type Baseline, dataFiles, type FileMark, pulse, takeBaseline } from './baseline.ts';
import {
  ask,
  bootHost,
  type Cluster,
  createCluster,
  type Host,
  type HostSpec,
  hostOf,
  serversOf,
  writeKnown,
} from './cluster.ts';
import {
  type Expectation,
  proveLoss,
  proveNoSecretShown,
  proveRecovered,
  proveSecondRuns,
} from './evidence.ts';
import type { ControlPlane } from './image.ts';
import { attempt, type Network, powerCut, replaceMachine, rootOf, run, until } from './machines.ts';
import {
  type Bundle,
  carry,
  compileBundle,
  followPlan,
  followRecover,
  inventoryOf,
  logIns,
  type Operator,
  type Story,
  sendOperator,
} from './operator.ts';
import { startRecorder } from './recorder.ts';

/** What a scenario is given. */
export type Stage = {
  /** The scenario's name. */
  readonly name: string;
  readonly network: Network;
  readonly controlPlane: ControlPlane;
  /** A line for the person who watches. */
  readonly note: (text: string) => void;
};

/** What a scenario hands back for the table. */
export type Outcome = {
  /** From the first script's start to the last one's end. */
  readonly seconds: number;
  readonly logIns: number;
  readonly scriptRuns: number;
  readonly proofs: readonly string[];
  /** What the table says, where it is not that the cluster was recovered. */
  readonly verdict?: string;
  /** Seconds from the first `--apply` to the first accepted write, where one was seen. */
  readonly firstWrite?: number;
  /** Seconds from the first `--apply` until the recovery host's API serves the cluster. */
  readonly api?: number;
};

export type Scenario = {
  /** Runs with --all, by name, or against a real Control Plane. CI has no time for it. */
  readonly extra?: boolean;
  /** Starts first, so that the lanes of a run end at about the same time. */
  readonly long?: boolean;
  /** As in `npm run lab -- NAME`. */
  readonly name: string;
  readonly title: string;
  readonly generation: '0.6' | '0.9';
  readonly run: (stage: Stage) => Promise<Outcome>;
};

/** A complete cluster with known data in it, and what must still be true afterwards. */
export type Prepared = {
  readonly cluster: Cluster;
  readonly baseline: Baseline;
};

/** `count` server hosts named host-1, host-2 ... with standard settings. */
export const servers = (count: number): readonly HostSpec[] =>
  Array.from({ length: count }, (_, index) => ({
    id: `host-${index + 1}`,
    number: index + 1,
    mode: 'server' as const,
  }));

/** Builds the cluster and writes the known data, and whatever else a scenario wants in it. */
export async function prepare(
  stage: Stage,
  specs: readonly HostSpec[],
  options: Parameters<typeof createCluster>[3] & {
    readonly fill?: (cluster: Cluster) => Promise<void>;
  } = {},
): Promise<Prepared> {
  const cluster = await createCluster(stage.network, stage.controlPlane, specs, options);
  const [first] = serversOf(cluster);
  if (first === undefined) throw new Error('a cluster needs a server host');
  await options.fill?.(cluster);
  const known = await writeKnown(first, 'before', 150);
  const baseline = await takeBaseline(cluster, first, known);
  stage.note(`${specs.length} hosts, ${known.size} known keys at revision ${baseline.revision}`);
  return { cluster, baseline };
}

/** Pulls the plug of several machines at once. */
export async function lose(stage: Stage, cluster: Cluster, ids: readonly string[]): Promise<void> {
  await Promise.all(ids.map((id) => powerCut(hostOf(cluster, id).machine)));
  stage.note(`power cut: ${ids.join(', ')}`);
}

/**
 * Waits until Swarm has noticed that it has no leader any more. For some 30 s after a silent loss
 * its commands hang instead; no person has logged in by then.
 */
export async function loseLeader(cluster: Cluster): Promise<void> {
  const [first] = serversOf(cluster);
  if (first === undefined) throw new Error('a cluster needs a server host');
  await until('that Swarm notices the loss of its managers', 120, async () => {
    const { status } = await attempt(first.machine, ['timeout', '3', 'docker', 'node', 'ls']);
    return status === 1 ? true : null;
  });
  // Docker holds on to questions nobody waits for any more, and revives no Swarm before they end.
  await sleep(20_000);
}

/** Power is back; Swarm starts again what it believes should run. */
export async function returnHosts(
  stage: Stage,
  cluster: Cluster,
  ids: readonly string[],
): Promise<void> {
  await Promise.all(ids.map((id) => bootHost(cluster, hostOf(cluster, id))));
  stage.note(`power back: ${ids.join(', ')}`);
}

/** A story's `before`: at the first script of a role on a host, machines come back. */
export function returnBefore(
  stage: Stage,
  cluster: Cluster,
  host: string,
  ids: readonly string[],
  role: Turn['role'] = 'reattach',
): NonNullable<Story['before']> {
  let done = false;
  return async (turn) => {
    if (done || turn.host !== host || turn.role !== role) return;
    done = true;
    await returnHosts(stage, cluster, ids);
  };
}

/** Paths of the scripts of a role about the given hosts. */
export function turnsOf(
  bundle: Bundle,
  role: Turn['role'],
  ids: readonly string[],
): readonly string[] {
  const fitting = bundle.turns.filter((turn) => turn.role === role && ids.includes(turn.subject));
  return fitting.map((turn) => turn.path);
}

/**
 * The older generation cannot reattach: each such script refuses and names the guide's way, removal
 * and join, which is then gone.
 */
export function olderWay(ids: readonly string[]): Pick<Story, 'refused' | 'named'> {
  return {
    refused: (turn) => turn.role === 'reattach',
    named: (bundle) => [...turnsOf(bundle, 'remove', ids), ...turnsOf(bundle, 'join', ids)],
  };
}

/** A new, empty machine takes a lost one's name and address; the bundle is carried to it. */
export async function replaceHost(
  stage: Stage,
  cluster: Cluster,
  id: string,
  bundle: Bundle,
): Promise<void> {
  const host = hostOf(cluster, id);
  await replaceMachine(host.machine);
  await bootHost(cluster, host);
  await carry(bundle, host);
  stage.note(`replaced by a new machine: ${id}`);
}

/** The operator asks a manager for the Swarm's join token and carries it over in a file. */
export async function handOverToken(
  cluster: Cluster,
  from: string,
  to: string,
  role: 'manager' | 'worker',
): Promise<void> {
  const argv = ['docker', 'swarm', 'join-token', '--quiet', role];
  const { stdout } = await run(hostOf(cluster, from).machine, argv);
  const file = join(rootOf(hostOf(cluster, to).machine), 'root/swarm-token');
  await writeFile(file, stdout, { mode: 0o600 });
}

/** How one recovery goes. */
export type Recovery = {
  readonly states: Readonly<Record<string, Exclude<HostState, null>>>;
  /** The inventory's `recovery`, beyond where the tools are. */
  readonly recovery?: Readonly<Record<string, unknown>>;
  /** A bundle compiled earlier, instead of one compiled now. */
  readonly bundle?: Bundle;
  /** A person who has carried a bundle in another way. */
  readonly operator?: Operator;
};

/** A recovery whose bundle is on every machine and whose operator is ready. */
export type Begun = {
  readonly bundle: Bundle;
  readonly operator: Operator;
  /** Follows the plan and counts; proves nothing. */
  readonly follow: (story: Story) => Promise<Omit<Outcome, 'proofs'>>;
};

/** Compiles and carries the bundle. */
export async function startRecovery(
  stage: Stage,
  { cluster }: Prepared,
  how: Recovery,
): Promise<Begun> {
  const inventory = inventoryOf(cluster, how.states, how.recovery ?? {});
  const given = how.operator?.bundle ?? how.bundle;
  const bundle = given ?? (await compileBundle(cluster, inventory));
  const operator = how.operator ?? (await sendOperator(cluster, bundle, stage.name));
  const follow = async (story: Story): Promise<Omit<Outcome, 'proofs'>> => {
    const began = Date.now();
    const go = story.recover === true ? followRecover : followPlan;
    await go(operator, narrated(stage, story));
    const seconds = (Date.now() - began) / 1000;
    return { seconds, logIns: logIns(operator), scriptRuns: operator.runs.length };
  };
  return { bundle, operator, follow };
}

/** Compiles, carries, runs every script in order, and proves what the issue wants proved. */
export async function recover(
  stage: Stage,
  prepared: Prepared,
  how: Recovery & { readonly story?: Story; readonly expected: Expectation },
): Promise<Outcome & { readonly operator: Operator }> {
  const { cluster, baseline } = prepared;
  const { operator, follow } = await startRecovery(stage, prepared, how);
  const files = await markFiles(cluster);
  const recorder = await startRecorder(cluster.network.state, cluster.network.tools);
  const watch = startPulse(cluster, hostOf(cluster, how.expected.recoveryHost));
  try {
    const counted = await follow(how.story ?? {});
    const beats = await watch.stop();
    // Looking is no part of the wait: databases can do nothing about what nobody has begun.
    const began = operator.runs[0]?.began ?? Number.NaN;
    const seconds = (sign: (beat: Beat) => boolean): number =>
      ((beats.find((beat) => sign(beat) && beat.at > began)?.at ?? Number.NaN) - began) / 1000;
    const firstWrite = seconds((beat) => beat.revision !== null);
    const api = seconds((beat) => beat.api);
    const after = `writable after ${firstWrite.toFixed(1)} s, API after ${api.toFixed(1)} s`;
    stage.note(`recovered in ${counted.seconds.toFixed(1)} s; ${after}`);
    const proofs = [...(await proveRecovered(operator, baseline, files, how.expected))];
    proofs.push(proveLoss(operator, baseline, how.expected));
    proofs.push(proveRevisions(beats, baseline));
    proofs.push(await proveSecondRuns(operator));
    proofs.push(proveNoSecretShown(operator, baseline, await recorder.stop()));
    return { ...counted, operator, proofs, firstWrite, api };
  } finally {
    await watch.stop();
    await recorder.stop();
  }
}

/** What is on each host's disk now, before the first script. */
async function markFiles(cluster: Cluster): Promise<ReadonlyMap<string, readonly FileMark[]>> {
  const files = new Map<string, readonly FileMark[]>();
  for (const host of cluster.hosts) files.set(host.id, await dataFiles(host));
  return files;
}

function narrated(stage: Stage, story: Story): Story {
  const after = async (turn: Turn): Promise<void> => {
    stage.note(`done: ${turn.path} on ${turn.host}`);
    await story.after?.(turn);
  };
  return { ...story, after };
}

/** One attempt to write: when, the revision it got, or null, and whether the API answered. */
type Beat = { readonly at: number; readonly revision: number | null; readonly api: boolean };

/** Writes about twice a second to the recovery host's etcd, as a database would. */
function startPulse(
  cluster: Cluster,
  host: Host,
): { readonly stop: () => Promise<readonly Beat[]> } {
  const beats: Beat[] = [];
  let running = true;
  let api = false;
  const loop = (async () => {
    for (let number = 0; running; number += 1) {
      const on = host.machine.power.pid !== null;
      const revision = on ? await pulse(host, number).catch(() => null) : null;
      // Without a quorum the API would only be waited for; once it has answered, it is known.
      if (revision !== null && !api) {
        api = (await ask(cluster, host, 'GET', '/v1/hosts', undefined, 1)).status === 200;
      }
      beats.push({ at: Date.now(), revision, api });
      await sleep(400);
    }
  })();
  const stop = async (): Promise<readonly Beat[]> => {
    running = false;
    await loop;
    return beats;
  };
  return { stop };
}

/** A watcher never saw a revision go backwards, from before the loss until the end. */
function proveRevisions(beats: readonly Beat[], baseline: Baseline): string {
  let last = baseline.revision;
  let seen = 0;
  for (const { revision } of beats) {
    if (revision === null) continue;
    if (revision < last) throw new Error(`the revision went from ${last} back to ${revision}`);
    last = revision;
    seen += 1;
  }
  if (seen === 0) throw new Error('no write was accepted during the recovery');
  return `revisions only grew over ${seen} writes, from ${baseline.revision} to ${last}`;
}

// Scenario 11: databases that survive the loss, written to throughout; with the token window, and
// without it to show what the window is for.

import { setTimeout as sleep } from 'node:timers/promises';
import { type Cluster, type Host, hostOf, hostRecords, waitHealthy } from '../cluster.ts';
import { installDatabases } from '../databases/install.ts';
import {
  createPair,
  dynamic,
  lastWords,
  loginsOf,
  type Pair,
  restartPatroni,
} from '../databases/pair.ts';
import { ageRaftIndex } from '../databases/raft-index.ts';
import {
  firstWrite,
  isReadOnly,
  proveNothingLost,
  type Sample,
  samplesBetween,
  type Watch,
  watchApi,
  watchDatabase,
} from '../databases/watch.ts';
import { run, until } from '../machines.ts';
import type { Operator } from '../operator.ts';
import {
  lose,
  type Outcome,
  type Prepared,
  prepare,
  recover,
  returnHosts,
  type Scenario,
  type Stage,
  servers,
} from '../stage.ts';

/** Further than a lab's recovery gets within the minutes a scenario lasts. */
const oldIndex = 20_000;

/** Longest time from the quorum's loss to a database that says so: ttl, and a restart of it. */
const secondsToNotice = 60;

/**
 * When a person can be there at the earliest. For up to 40 s after its loss of quorum Swarm has not
 * noticed it, and `docker info` takes 20 s (measured), which says nothing about a recovery.
 */
const secondsToLogIn = 45;

/**
 * How long the database is watched after phase 4 if no window let it log in again: until a leader
 * of before has had to prove itself again, and a ttl more.
 */
const secondsWithout = 60;

/** A cluster with a database on its two clients, under watch, in the moment of the loss. */
type Struck = {
  readonly prepared: Prepared;
  readonly pair: Pair;
  readonly watch: Watch;
  readonly lostAt: number;
  /** Containers of the clients' Control Planes, before the loss. */
  readonly containers: ReadonlyMap<string, string>;
  /** How many times each instance had logged in to etcd before the loss. */
  readonly logins: readonly number[];
};

export const databasesSurvive: Scenario = {
  name: '11',
  title: 'databases survive: writable within seconds of phase 3, and from then on',
  generation: '0.9',
  long: true,
  run: async (stage) => {
    const struck = await strike(stage, 'closed');
    return watched(struck, async () => {
      const { prepared, pair, watch } = struck;
      const api = watchApi(prepared.cluster, hostOf(prepared.cluster, 'host-1'));
      const ofPhase4: string[] = [];
      const outcome = await recovery(stage, struck, {}, async () => {
        ofPhase4.push(await proveClientsUntouched(struck), await proveLoggedInAnew(struck));
      }).finally(api.stop);
      await watch.stop();
      const began = firstApply(outcome.operator);
      const writable = writableAfter(struck, began);
      for (const one of outcome.operator.runs.slice(0, 4)) stage.note(one.output);
      const phase3 = endOf(outcome.operator, '-rewrite-on-');
      const late = (writable - phase3) / 1000;
      if (late > 5) throw new Error(`writable only ${late.toFixed(1)} s after the end of phase 3`);
      const ready = api.answers.find((answer) => answer.ready && answer.at > began)?.at ?? null;
      if (ready === null) throw new Error('the API never answered');
      tell(stage, struck, [
        ['first --apply to writable', writable - began],
        ['first --apply to the API', ready - began],
        ['end of phase 3 to writable', writable - phase3],
      ]);
      const proofs = [
        ...outcome.proofs,
        ...ofPhase4,
        proveSteady(watch.samples, writable),
        await proveNothingLost(pair, watch.samples),
      ];
      return { ...outcome, proofs };
    });
  },
};

export const databasesWithoutWindow: Scenario = {
  name: '11-0',
  title: 'the same with tokenWindow 0: read-only until each survivor is restarted',
  generation: '0.9',
  extra: true,
  run: async (stage) => {
    const struck = await strike(stage, 'silent');
    return watched(struck, async () => {
      const { pair, watch } = struck;
      let restarted = 0;
      let hung = '';
      const outcome = await recovery(stage, struck, { tokenWindow: 0 }, async () => {
        await sleep(secondsWithout * 1000);
        hung = await proveHung(struck);
        stage.note(`${hung}; restarting the database`);
        restarted = Date.now();
        await Promise.all(pair.instances.map((instance) => restartPatroni(instance)));
        await until('a write after the restart', 60, async () =>
          firstWrite(samplesBetween(watch.samples, restarted, Date.now())),
        );
      });
      await watch.stop();
      const writable = writableAfter(struck, restarted);
      tell(stage, struck, [
        ['first --apply to writable', writable - firstApply(outcome.operator)],
        ['restart of the database to writable', writable - restarted],
      ]);
      const proofs = [
        ...outcome.proofs,
        `${hung}, until its Patroni was restarted`,
        proveSteady(watch.samples, writable),
        await proveNothingLost(pair, watch.samples),
      ];
      return { ...outcome, proofs };
    });
  },
};

/**
 * How connections to the lost machines end. With a power cut they fall silent, and a client of
 * gRPC that has sent a request on one (the Control Plane's has no keepalive) hangs on it for some 15
 * minutes, until TCP gives up: measured with 0.9.0, whatever was done about login tokens. Where the
 * processes ended before their machine, connections are closed and clients look elsewhere.
 */
type Loss = 'silent' | 'closed';

/** Builds everything, loses two servers and waits until the database is read-only. */
async function strike(stage: Stage, loss: Loss): Promise<Struck> {
  const clients = [4, 5].map((number) => ({
    id: `host-${number}`,
    number,
    mode: 'client' as const,
  }));
  const made: Pair[] = [];
  const prepared = await prepare(stage, [...servers(3), ...clients], {
    fill: async (cluster) => {
      const software = await installDatabases();
      await ageRaftIndex(hostOf(cluster, 'host-1'), oldIndex);
      const hosts = clients.map(({ id }) => hostOf(cluster, id));
      for (const host of hosts) await loginAnew(cluster, host);
      made.push(await createPair(cluster, software, hosts));
    },
  });
  const [pair] = made;
  if (pair === undefined) throw new Error('no database was made');
  const { cluster } = prepared;
  const containers = new Map<string, string>();
  for (const { host } of pair.instances) containers.set(host.id, await containerOf(host));
  const logins = await Promise.all(pair.instances.map(loginsOf));
  const watch = await watchDatabase(pair);
  await until('ten writes in a row', 60, async () => {
    const last = watch.samples.slice(-10);
    return last.length === 10 && last.every((sample) => sample.written !== null) ? true : null;
  });
  const lostAt = Date.now();
  const lost = ['host-2', 'host-3'];
  if (loss === 'closed') {
    await Promise.all(lost.map((id) => endControlPlane(hostOf(cluster, id))));
  }
  await lose(stage, cluster, lost);
  const struck = { prepared, pair, watch, lostAt, containers, logins };
  return watched(struck, async () => {
    await until('a read-only database', secondsToNotice, async () =>
      readOnlySince(watch.samples, lostAt),
    );
    stage.note(`read-only ${secondsToReadOnly(struck).toFixed(1)} s after the loss`);
    await sleep(Math.max(0, lostAt + secondsToLogIn * 1000 - Date.now()));
    return struck;
  });
}

/** A failure of the recovery ends the watch and is reported with Patroni's last output. */
async function watched<T>(struck: Struck, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    await struck.watch.stop();
    const logs = await Promise.all(struck.pair.instances.map((one) => lastWords(one)));
    const message = error instanceof Error ? error.message : String(error);
    const last = struck.watch.samples.slice(-5).map((sample) => JSON.stringify(sample));
    throw new Error([message, ...logs, '--- last seen of the database', ...last].join('\n'));
  }
}

function recovery(
  stage: Stage,
  struck: Struck,
  settings: Readonly<Record<string, unknown>>,
  afterPhase4: () => Promise<void>,
): Promise<Outcome & { readonly operator: Operator }> {
  const { prepared } = struck;
  return recover(stage, prepared, {
    states: { 'host-2': 'returning', 'host-3': 'returning' },
    recovery: { host: 'host-1', ...settings },
    story: {
      before: async (turn) => {
        if (turn.role === 'reattach' && turn.host === 'host-2') {
          await returnHosts(stage, prepared.cluster, ['host-2', 'host-3']);
        }
      },
      after: async (turn) => {
        if (turn.role === 'start') await afterPhase4();
      },
    },
    expected: { recoveryHost: 'host-1' },
  });
}

/** Kills a host's Control Plane while its machine is still there to close the connections. */
async function endControlPlane(host: Host): Promise<void> {
  await run(host.machine, ['docker', 'kill', await containerOf(host)]);
}

/** A client that logs in again holds a token of today's raft index. */
async function loginAnew(cluster: Cluster, host: Host): Promise<void> {
  const before = await containerOf(host);
  await endControlPlane(host);
  await until(`another container of ${host.service}`, 60, async () => {
    const now = await containerOf(host).catch(() => before);
    return now === before ? null : now;
  });
  await waitHealthy(cluster, host);
}

/** Id of the one running container of a host's Control Plane. */
async function containerOf(host: Host): Promise<string> {
  const service = `label=com.docker.swarm.service.name=${host.service}`;
  const answer = await run(host.machine, ['docker', 'ps', '--quiet', '--filter', service]);
  const ids = answer.stdout.trim().split('\n').filter(Boolean);
  if (ids.length !== 1) throw new Error(`${host.id} runs ${ids.length} Control Planes`);
  return ids[0] ?? '';
}

/**
 * The clients' Control Planes are fresh and healthy after phase 4. A process that was without etcd for
 * long may have ended and been started again by Swarm; how many are those of before the loss is said.
 */
async function proveClientsUntouched(struck: Struck): Promise<string> {
  const { cluster } = struck.prepared;
  const records = (await hostRecords(cluster, hostOf(cluster, 'host-1'))) ?? [];
  let kept = 0;
  for (const [id, container] of struck.containers) {
    const status = records.find((record) => record.id === id)?.status;
    const age = (Date.now() - Date.parse(status?.updated_at ?? '')) / 1000;
    if (status?.state !== 'healthy' || !(age < 30)) {
      throw new Error(`${id} is ${status?.state}, its status ${age.toFixed(0)} s old`);
    }
    if ((await containerOf(hostOf(cluster, id))) === container) kept += 1;
  }
  const ids = [...struck.containers.keys()].join(', ');
  return `${ids} fresh after phase 4, ${kept} of them as the process of before the loss`;
}

/** What the window is for: every instance has logged in to etcd again, by its own log. */
async function proveLoggedInAnew({ pair, logins }: Struck): Promise<string> {
  const now = await Promise.all(pair.instances.map(loginsOf));
  const names = pair.instances.map(({ host }) => host.id);
  const held = names.filter((_, index) => (now[index] ?? 0) <= (logins[index] ?? 0));
  if (held.length > 0) throw new Error(`not logged in again: the database on ${held.join(', ')}`);
  return `the databases on ${names.join(', ')} logged in to etcd again`;
}

/**
 * Without a window no instance logs in again, and nobody can write: for a ttl and more at the end.
 *
 * A leader may write for one more loop_wait right after the restore. It read its lock from the old
 * etcd in the moment that one was stopped, and has its lease, which the snapshot holds, kept alive
 * by the restored one: of all requests the one for which etcd looks at no token (measured). Its
 * next look hangs, and it steps down for good.
 */
async function proveHung({ pair, watch, logins }: Struck): Promise<string> {
  const now = await Promise.all(pair.instances.map(loginsOf));
  if (now.some((count, index) => count !== logins[index])) {
    throw new Error('an instance logged in again without a window: nothing is shown by this');
  }
  const takesWrites = ({ written, states }: Sample): boolean =>
    written !== null || states.includes('writable');
  const last = watch.samples.at(-1);
  const since = watch.samples.findLast(takesWrites)?.at ?? 0;
  const seconds = ((last?.at ?? 0) - since) / 1000;
  if (last === undefined || !isReadOnly(last)) throw new Error('the database does not answer');
  if (seconds <= dynamic.ttl) throw new Error(`took writes ${seconds.toFixed(0)} s ago`);
  return `no instance logged in again, read-only for the last ${seconds.toFixed(0)} s`;
}

/** From the first write on, no second without one. */
function proveSteady(samples: readonly Sample[], writable: number): string {
  const after = samples.filter((sample) => sample.at >= writable);
  const failed = after.filter((sample) => sample.written === null);
  if (failed.length > 0) {
    const seconds = failed.map(({ at }) => `+${((at - writable) / 1000).toFixed(0)}`);
    throw new Error(`not writable again, in seconds after the first write: ${seconds.join(' ')}`);
  }
  return `written to in each of the ${after.length} samples from the first write to the end`;
}

function readOnlySince(samples: readonly Sample[], lostAt: number): number | null {
  return samples.find((sample) => sample.at > lostAt && isReadOnly(sample))?.at ?? null;
}

function secondsToReadOnly({ watch, lostAt }: Struck): number {
  const at = readOnlySince(watch.samples, lostAt);
  if (at === null) throw new Error('the database never became read-only');
  return (at - lostAt) / 1000;
}

function writableAfter({ watch }: Struck, moment: number): number {
  const at = firstWrite(samplesBetween(watch.samples, moment, Date.now()));
  if (at === null) throw new Error('the database never became writable again');
  return at;
}

function firstApply(operator: Operator): number {
  const [first] = operator.runs;
  if (first === undefined) throw new Error('no script ran');
  return first.began;
}

/** When the script with this part in its name ended, in epoch milliseconds. */
function endOf(operator: Operator, name: string): number {
  const ran = operator.runs.find(({ path }) => path.includes(name));
  if (ran === undefined) throw new Error(`no script *${name}* ran`);
  return ran.began + ran.seconds * 1000;
}

/** The scenario's own table, in seconds. */
function tell(stage: Stage, struck: Struck, rows: readonly (readonly [string, number])[]): void {
  const all = [['loss to read-only', secondsToReadOnly(struck) * 1000] as const, ...rows];
  for (const [name, milliseconds] of all) {
    stage.note(`${name.padEnd(36)} ${(milliseconds / 1000).toFixed(1).padStart(6)} s`);
  }
}

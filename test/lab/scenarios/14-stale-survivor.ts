// Scenario 14: two survivors, of which one was cut off while the others accepted writes. Its bundle
// must stop before any change and name the host that has more. The other one's recovers everything.

import { createHash } from 'node:crypto';
import { pulse } from '../baseline.ts';
import {
  type Cluster,
  type Host,
  hostOf,
  membersOf,
  memberWords,
  readKnown,
  statusOf,
  writeKnown,
} from '../cluster.ts';
import { attempt, heal, partition, run, until } from '../machines.ts';
import {
  compileBundle,
  fencing,
  inventoryOf,
  type Operator,
  runScript,
  sendOperator,
  turnOfPhase,
} from '../operator.ts';
import { lose, prepare, type Scenario, type Stage, servers, startRecovery } from '../stage.ts';

const lost = ['host-3', 'host-4', 'host-5'];

export const staleSurvivor: Scenario = {
  name: '14',
  title: '5 servers, 3 lost; a stale survivor must stop, the fresh one recovers',
  generation: '0.9',
  long: true,
  run: async (stage) => {
    const prepared = await prepare(stage, servers(5));
    const { cluster, baseline } = prepared;
    const [stale, fresh] = [hostOf(cluster, 'host-1'), hostOf(cluster, 'host-2')];
    const inventory = inventoryOf(cluster, {}, {});
    const wrong = await compileBundle(cluster, inventory, 'stale', stale.id);
    const right = await compileBundle(cluster, inventory, 'fresh', fresh.id);

    await partition(stale.machine);
    stage.note('host-1 is cut off from the network');
    await until('a write without host-1', 30, () => pulse(fresh, 0));
    const late = await writeKnown(fresh, 'without-host-1', 200);
    await lose(stage, cluster, lost);
    // Only now: host-1 would catch up with a leader, which host-2 itself may be for a second more.
    await until('that host-2 has no leader', 30, async () =>
      (await memberWords(fresh))?.leader === false ? true : null,
    );
    await heal(stale.machine);
    const revisions = await survivors([stale, fresh]);
    stage.note(`host-1 is back: revision ${revisions.join(' on host-1, ')} on host-2`);

    const operator = await sendOperator(
      cluster,
      wrong,
      `${stage.name}-stale`,
      '/root/recovery-stale',
    );
    const refused = await proveRefused(stage, operator, stale, fresh, revisions);
    const begun = await startRecovery(stage, prepared, { states: {}, bundle: right });
    const reattach = begun.bundle.turns.find(
      (turn) => turn.role === 'reattach' && turn.host === stale.id,
    );
    // The other three would return as in scenario 5.
    const ran = await begun.follow({ last: reattach?.path ?? '' });
    const known = new Map([...baseline.known, ...late]);
    return {
      ...ran,
      proofs: [...refused, ...(await proveRecovered([stale, fresh], known))],
    };
  },
};

/** Both survivors vote in one cluster, and both have every key that was acknowledged. */
async function proveRecovered(
  hosts: readonly Host[],
  known: ReadonlyMap<string, string>,
): Promise<readonly string[]> {
  const proofs: string[] = [];
  const clusters = new Set<string>();
  for (const host of hosts) {
    const seen = await readKnown(host);
    const lostKeys = [...known].filter(([key, value]) => seen.get(key) !== value);
    if (lostKeys.length > 0) throw new Error(`${host.id} has lost ${lostKeys.length} keys`);
    const members = await membersOf(host);
    const voters = members.filter((member) => member.started && !member.learner);
    const names = voters.map((member) => member.name).sort();
    if (names.join() !== 'host-1,host-2') throw new Error(`${host.id} sees ${names.join()}`);
    clusters.add((await statusOf(host)).clusterId);
    proofs.push(`known data from ${host.id}: ${known.size} keys there, 0 lost`);
  }
  if (clusters.size !== 1) throw new Error(`cluster ids ${[...clusters].join(', ')}`);
  return [...proofs, 'host-1 and host-2 vote in one cluster'];
}

/** Revisions of survivors, once each says that it has no leader. */
function survivors(hosts: readonly Host[]): Promise<readonly number[]> {
  return until('members that say they have no leader', 60, async () => {
    const words = await Promise.all(hosts.map(memberWords));
    if (words.some((word) => word === null || word.leader)) return null;
    const revisions = words.map((word) => word?.revision ?? Number.NaN);
    // The difference is what this scenario is about.
    if (!((revisions[0] ?? 0) < (revisions[1] ?? 0))) {
      throw new Error(`the stale survivor is not behind: ${revisions.join(' and ')}`);
    }
    return revisions;
  });
}

/** Phase 1 of the stale host's bundle stops without a change. */
async function proveRefused(
  stage: Stage,
  operator: Operator,
  stale: Host,
  fresh: Host,
  revisions: readonly number[],
): Promise<readonly string[]> {
  const turn = turnOfPhase(operator.bundle, 1);
  const before = await worldOf(operator.cluster, stale);
  const ran = await runScript(operator, turn.path, ['--apply', ...fencing(operator, turn)], [78]);
  const wanted = [fresh.id, ...revisions.map(String)];
  const absent = wanted.filter((word) => !new RegExp(`\\b${word}\\b`).test(ran.output));
  if (absent.length > 0) throw new Error(`the stop does not name ${absent}:\n${ran.output}`);
  const changes = ran.output.split('\n').filter((line) => / {2}run: /.test(line));
  if (changes.length > 0) throw new Error(`it changed something first: ${changes[0]}`);
  const after = await worldOf(operator.cluster, stale);
  if (before !== after) throw new Error(`the refusal changed host-1:\n${before}\n--\n${after}`);
  stage.note(`phase 1 on ${stale.id} stops and names ${fresh.id}`);
  const figures = revisions.join(' and ');
  return [`phase 1 on the stale host stops, names ${fresh.id} and both revisions (${figures})`];
}

/** What a refused script must leave as it was: files, containers and Swarm of a host, and etcd. */
async function worldOf(cluster: Cluster, host: Host): Promise<string> {
  const own = "-path ./plan-recovery -prune -o ! -path '*/member/*'";
  const files = `cd '${host.dataDirectory}' && find . ${own} -type f -print0 | sort -z`;
  const sums = await run(host.machine, ['sh', '-c', `${files} | xargs -0 sha256sum`]);
  const format = '{{.ID}} {{.State}}';
  const containers = await run(host.machine, ['docker', 'ps', '--all', '--format', format]);
  const swarm = '{{.Swarm.LocalNodeState}} {{.Swarm.ControlAvailable}} {{.Swarm.NodeID}}';
  const node = await attempt(host.machine, ['docker', 'info', '--format', swarm]);
  // Who is taken for a leader may change for a moment; what is held may not.
  const members = await Promise.all(cluster.hosts.slice(0, 2).map(memberWords));
  const held = members.map((words) => words?.revision ?? null);
  const digest = createHash('sha256').update(sums.stdout).digest('hex');
  return [digest, containers.stdout, node.stdout, JSON.stringify(held)].join('\n');
}

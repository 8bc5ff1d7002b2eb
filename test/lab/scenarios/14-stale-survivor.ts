// Scenario 14: two survivors, of which one was cut off while the others accepted writes. Its bundle
// must stop before any change and name the host that has more. The other one's recovers everything.

import { createHash } from 'node:crypto';
import {
  type Cluster,
  type Host,
  membersOf,
  memberWords,
  readKnown,
  statusOf,
} from '../cluster.ts';
import { attempt, run } from '../machines.ts';
import { fencing, type Operator, runScript, sendOperator, turnOfPhase } from '../operator.ts';
import { type Scenario, type Stage, startRecovery } from '../stage.ts';
import { survivors } from '../stale.ts';

export const staleSurvivor: Scenario = {
  name: '14',
  title: '5 servers, 3 lost; a stale survivor must stop, the fresh one recovers',
  generation: '0.9',
  long: true,
  run: async (stage) => {
    const { prepared, stale, fresh, wrong, right, revisions } = await survivors(stage);
    const { cluster, baseline } = prepared;
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
    return {
      ...ran,
      proofs: [...refused, ...(await proveRecovered([stale, fresh], baseline.known))],
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

// Scenario 12: a reattachment killed at its worst moments (data set aside; configuration rewritten;
// service started), and one that finds a stale learner of itself in the member list.

import { type Cluster, etcdctl, hostOf, membersOf } from '../cluster.ts';
import { run, until } from '../machines.ts';
import { runUntil } from '../operator.ts';
import { lose, prepare, recover, returnBefore, type Scenario, servers } from '../stage.ts';

const lost = ['host-2', 'host-3'];

/** A line of the script's log, after which it is killed; a later run may find the work done. */
const moments: readonly { readonly name: string; readonly after: RegExp }[] = [
  { name: 'its data were set aside', after: /run: mv -T -- \S*\/etcd / },
  {
    name: 'its configuration was rewritten',
    after:
      /run: install -m \S+ \/dev\/stdin \S*generated\.config\.json|generated\.config\.json names the recovery/,
  },
  { name: 'its service was started', after: /waiting until \S+ reports the result/i },
];

export const killedReattachment: Scenario = {
  name: '12',
  title: 'a reattachment killed at its worst moments, and one that finds a stale learner',
  generation: '0.9',
  extra: true,
  run: async (stage) => {
    const prepared = await prepare(stage, servers(3));
    const { cluster } = prepared;
    await lose(stage, cluster, lost);
    const returns = returnBefore(stage, cluster, 'host-2', lost);
    const killed: string[] = [];
    const outcome = await recover(stage, prepared, {
      states: { 'host-2': 'returning', 'host-3': 'returning' },
      recovery: { host: 'host-1' },
      story: {
        before: async (turn, bundle, operator) => {
          await returns(turn, bundle, operator);
          if (turn.role !== 'reattach') return;
          if (turn.host === 'host-2') {
            for (const moment of moments) {
              const script = await runUntil(operator, turn.path, [], moment.after);
              await script.kill();
              await script.done;
              stage.note(`killed after ${moment.name}`);
              killed.push(`killed after ${moment.name}: finished by running it again`);
            }
            await killWhileJoining(cluster);
            killed.push('its Control Plane killed while it joins: finished by running it again');
            stage.note('its Control Plane was killed while it was joining');
          } else {
            const recovery = hostOf(cluster, 'host-1');
            const host = hostOf(cluster, turn.host);
            const peer = `https://${host.machine.address}:${host.ports.etcdPeer}`;
            const add = ['member', 'add', host.id, '--learner', `--peer-urls=${peer}`];
            // etcd changes no members before its voters have been connected for 5 s.
            await until('that etcd takes a stale learner', 30, async () =>
              (await etcdctl(recovery, add)).status === 0 ? true : null,
            );
            const stale = (await membersOf(recovery)).filter((member) => !member.started);
            if (stale.length !== 1) throw new Error('no stale learner was made');
            stage.note('a stale learner with the peer address of host-3 is in the member list');
            killed.push('a stale learner of host-3: dropped by the script, which went on');
          }
        },
      },
      expected: { recoveryHost: 'host-1' },
    });
    return { ...outcome, proofs: [...killed, ...outcome.proofs] };
  },
};

/** Kills the container of host-2 as soon as its member entry is there, whatever its state. */
async function killWhileJoining(cluster: Cluster): Promise<void> {
  const [recovery, host] = [hostOf(cluster, 'host-1'), hostOf(cluster, 'host-2')];
  await until('the member entry of host-2', 60, async () =>
    (await membersOf(recovery)).length > 1 ? true : null,
  );
  const filter = `label=com.docker.swarm.service.name=${host.service}`;
  const kill = `docker ps --quiet --filter '${filter}' | xargs --no-run-if-empty docker kill`;
  await run(host.machine, ['sh', '-c', kill]);
}

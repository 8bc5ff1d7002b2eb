// Scenario 13: the recovery host was powered off and on too, before the first script. Its Swarm is
// then "pending" without end: a manager that waits for a quorum it will never get.

import { type Cluster, hostOf } from '../cluster.ts';
import { attempt, until } from '../machines.ts';
import {
  lose,
  prepare,
  recover,
  returnBefore,
  returnHosts,
  type Scenario,
  servers,
} from '../stage.ts';

const lost = ['host-2', 'host-3'];

export const rebooted: Scenario = {
  name: '13',
  title: '3 servers, 2 lost, and the recovery host rebooted before phase 1',
  generation: '0.9',
  run: async (stage) => {
    const prepared = await prepare(stage, servers(3));
    const { cluster } = prepared;
    await lose(stage, cluster, ['host-1', ...lost]);
    await returnHosts(stage, cluster, ['host-1']);
    const state = await pendingSwarm(cluster, 'host-1');
    stage.note(`Swarm of host-1 after its reboot: ${state}`);
    const outcome = await recover(stage, prepared, {
      states: { 'host-2': 'returning', 'host-3': 'returning' },
      recovery: { host: 'host-1' },
      story: { before: returnBefore(stage, cluster, 'host-2', lost) },
      expected: { recoveryHost: 'host-1' },
    });
    const proof = `before phase 1 the Swarm of host-1 was ${state}`;
    return { ...outcome, proofs: [proof, ...outcome.proofs] };
  },
};

/** Docker's words for a manager that waits for its quorum. */
function pendingSwarm(cluster: Cluster, id: string): Promise<string> {
  const { machine } = hostOf(cluster, id);
  const format = '{{.Swarm.LocalNodeState}}, ControlAvailable {{.Swarm.ControlAvailable}}';
  return until(`a pending Swarm on ${id}`, 60, async () => {
    const { stdout } = await attempt(machine, ['docker', 'info', '--format', format]);
    return stdout.startsWith('pending') ? stdout.trim() : null;
  });
}

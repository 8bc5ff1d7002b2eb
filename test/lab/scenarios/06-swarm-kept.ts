// Scenario 6: the Swarm has managers beyond the server hosts and keeps its quorum; etcd does not.

import { turnOfPhase } from '../operator.ts';
import { lose, prepare, recover, returnBefore, type Scenario, servers } from '../stage.ts';

export const swarmKept: Scenario = {
  extra: true,
  name: '6',
  title: "Swarm's quorum kept: 5 managers, 3 of them server hosts, 2 servers lost",
  generation: '0.9',
  run: async (stage) => {
    const extraManagers = [
      { name: 'manager-4', number: 21 },
      { name: 'manager-5', number: 22 },
    ];
    const prepared = await prepare(stage, servers(3), { extraManagers });
    const lost = ['host-2', 'host-3'];
    await lose(stage, prepared.cluster, lost);
    const outcome = await recover(stage, prepared, {
      states: { 'host-2': 'returning', 'host-3': 'returning' },
      recovery: { host: 'host-1' },
      story: { before: returnBefore(stage, prepared.cluster, 'host-2', lost) },
      expected: { recoveryHost: 'host-1' },
    });
    const prepareRun = outcome.operator.runs.find(
      ({ path }) => path === turnOfPhase(outcome.operator.bundle, 1).path,
    );
    if (prepareRun?.output.includes('force-new-cluster --advertise-addr') !== false) {
      throw new Error('a new Swarm was created although the old one had its quorum');
    }
    return { ...outcome, proofs: [...outcome.proofs, 'the Swarm was left as it was'] };
  },
};

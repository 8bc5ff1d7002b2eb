// Scenario 1: three servers, two lost, both come back with their disks; Swarm's quorum lost too.

import { lose, prepare, recover, returnHosts, type Scenario, servers } from '../stage.ts';

export const threeServersTwoReturn: Scenario = {
  name: '1',
  title: '3 servers, 2 lost, both return with their disks: reattached',
  generation: '0.9',
  run: async (stage) => {
    const prepared = await prepare(stage, servers(3));
    await lose(stage, prepared.cluster, ['host-2', 'host-3']);
    return recover(stage, prepared, {
      states: { 'host-2': 'returning', 'host-3': 'returning' },
      recovery: { host: 'host-1' },
      story: {
        look: true,
        before: async (turn) => {
          if (turn.path.includes('reattach')) {
            if (turn.host === 'host-2')
              await returnHosts(stage, prepared.cluster, ['host-2', 'host-3']);
          }
        },
      },
      expected: { recoveryHost: 'host-1' },
    });
  },
};

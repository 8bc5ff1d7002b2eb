// Scenario 4: four servers, two lost. Two of four is no majority, so the quorum is lost.

import { lose, prepare, recover, returnBefore, type Scenario, servers } from '../stage.ts';

export const even: Scenario = {
  name: '4',
  title: '4 servers, 2 lost (an even number); a survivor is reattached too',
  generation: '0.9',
  extra: true,
  run: async (stage) => {
    const prepared = await prepare(stage, servers(4));
    const lost = ['host-3', 'host-4'];
    await lose(stage, prepared.cluster, lost);
    return recover(stage, prepared, {
      states: { 'host-3': 'returning', 'host-4': 'returning' },
      recovery: { host: 'host-1' },
      story: { before: returnBefore(stage, prepared.cluster, 'host-2', lost) },
      expected: { recoveryHost: 'host-1' },
    });
  },
};

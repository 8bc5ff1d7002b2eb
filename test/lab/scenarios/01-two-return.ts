// Scenario 1: three servers, two lost, both come back with their disks; Swarm's quorum lost too.

import { createDatabase } from '../database-records.ts';
import {
  lose,
  olderWay,
  prepare,
  recover,
  returnBefore,
  type Scenario,
  servers,
} from '../stage.ts';

const lost = ['host-2', 'host-3'];

export const twoReturn: Scenario = {
  name: '1',
  title: '3 servers, 2 lost, both return with their disks: reattached',
  generation: '0.9',
  run: async (stage) => {
    const prepared = await prepare(stage, servers(3), {
      fill: (cluster) => createDatabase(cluster, 'db1', ['host-1', 'host-2', 'host-3']),
    });
    await lose(stage, prepared.cluster, lost);
    return recover(stage, prepared, {
      states: { 'host-2': 'returning', 'host-3': 'returning' },
      recovery: { host: 'host-1' },
      story: { look: true, before: returnBefore(stage, prepared.cluster, 'host-2', lost) },
      expected: { recoveryHost: 'host-1' },
    });
  },
};

/** The older generation cannot reattach: its scripts say so and name the guide's way. */
export const twoReturnOlder: Scenario = {
  name: '1-older',
  title: '3 servers, 2 lost, both return, older generation: removed and joined',
  generation: '0.6',
  extra: true,
  run: async (stage) => {
    const prepared = await prepare(stage, servers(3));
    await lose(stage, prepared.cluster, lost);
    return recover(stage, prepared, {
      states: { 'host-2': 'returning', 'host-3': 'returning' },
      recovery: { host: 'host-1' },
      story: {
        before: returnBefore(stage, prepared.cluster, 'host-2', lost),
        ...olderWay(lost),
      },
      expected: { recoveryHost: 'host-1' },
    });
  },
};

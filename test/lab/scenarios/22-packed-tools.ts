// Scenario 22: scenario 1 on machines that have neither etcd tools nor jq. Each gets only its own archive.

import { createDatabase } from '../database-records.ts';
import { inventoryOf } from '../operator.ts';
import { packBundle, sendWithoutTools, unpackOn } from '../packed.ts';
import { lose, prepare, recover, returnBefore, type Scenario, servers } from '../stage.ts';

const lost = ['host-2', 'host-3'];
const states = { 'host-2': 'returning', 'host-3': 'returning' } as const;

export const packedTools: Scenario = {
  name: '22',
  title: '3 servers, 2 lost, both return: packed for each host, with its own tools',
  generation: '0.9',
  run: async (stage) => {
    const prepared = await prepare(stage, servers(3), {
      fill: (cluster) => createDatabase(cluster, 'db1', ['host-1', 'host-2', 'host-3']),
    });
    const { cluster } = prepared;
    const inventory = inventoryOf(cluster, states, { host: 'host-1', tools: {} });
    const archives = await packBundle(cluster, inventory);
    const operator = await sendWithoutTools(archives, cluster, stage.name);
    await lose(stage, cluster, lost);
    const back = returnBefore(stage, cluster, 'host-2', lost);
    const unpacked = new Set<string>();
    const outcome = await recover(stage, prepared, {
      states,
      operator,
      story: {
        look: true,
        before: async (turn, bundle, person) => {
          await back(turn, bundle, person);
          if (unpacked.has(turn.host)) return;
          unpacked.add(turn.host);
          await unpackOn(archives, cluster, turn.host);
          stage.note(`unpacked and verified on ${turn.host}: its own scripts and tools`);
        },
      },
      expected: { recoveryHost: 'host-1' },
    });
    const other = operator.runs.find(({ output }) => output.includes('tools of this host'));
    if (other !== undefined) throw new Error(`${other.path} did not use the tools of its bundle`);
    const proof = `${unpacked.size} hosts, each with its own archive and without tools on its PATH`;
    return { ...outcome, proofs: [...outcome.proofs, proof] };
  },
};

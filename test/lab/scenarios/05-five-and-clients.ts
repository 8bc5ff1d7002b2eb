// Scenario 5: five servers, three lost, two survivors still running; two clients, of which one is
// lost and one survives; a data directory with a space, ports that are not the usual ones.

import type { HostSpec } from '../cluster.ts';
import type { Story } from '../operator.ts';
import {
  lose,
  type Outcome,
  olderWay,
  prepare,
  recover,
  returnBefore,
  type Scenario,
  type Stage,
  servers,
} from '../stage.ts';

const own = {
  dataDirectory: '/data/pgedge control/plane',
  ports: { api: 3100, etcdClient: 12379, etcdPeer: 12380 },
};

const specs: readonly HostSpec[] = [
  ...servers(5),
  { id: 'client-1', number: 11, mode: 'client' },
  { id: 'client-2', number: 12, mode: 'client' },
];

export const fiveAndClients: Scenario = {
  name: '5',
  title: '5 servers, 3 lost, 2 clients, 1 lost; a space in the path, other ports',
  generation: '0.9',
  long: true,
  run: (stage) => loseThree(stage, {}),
};

export const fiveAndClientsOlder: Scenario = {
  name: '5-older',
  title: '5 servers, 3 lost, 2 clients, 1 lost, older generation: removed and joined',
  generation: '0.6',
  extra: true,
  run: (stage) => loseThree(stage, olderWay(['host-2', 'host-3', 'host-4', 'host-5'])),
};

async function loseThree(stage: Stage, way: Pick<Story, 'refused' | 'named'>): Promise<Outcome> {
  const prepared = await prepare(
    stage,
    specs.map((spec) => ({ ...spec, ...own })),
  );
  const lost = ['host-3', 'host-4', 'host-5', 'client-2'];
  await lose(stage, prepared.cluster, lost);
  return recover(stage, prepared, {
    states: {
      'host-3': 'returning',
      'host-4': 'returning',
      'host-5': 'returning',
      'client-1': 'alive',
      'client-2': 'returning',
    },
    recovery: { host: 'host-1' },
    story: { before: returnBefore(stage, prepared.cluster, 'host-2', lost), ...way },
    expected: { recoveryHost: 'host-1' },
  });
}

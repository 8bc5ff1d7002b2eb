// Scenario 2: one lost host returns with its disk, the other is replaced by a new empty machine; a
// database lives on all three. Reattach, then remove, then join.

import type { Turn } from '../../../compiler/plan/ir.ts';
import { hostOf } from '../cluster.ts';
import { createDatabase, hostsOfDatabase } from '../database-records.ts';
import type { Story } from '../operator.ts';
import {
  handOverToken,
  lose,
  type Outcome,
  olderWay,
  type Prepared,
  prepare,
  recover,
  replaceHost,
  returnBefore,
  type Scenario,
  type Stage,
  servers,
} from '../stage.ts';

export const oneReplaced: Scenario = {
  name: '2',
  title: '3 servers, 2 lost, one returns, one is replaced: reattached, removed, joined',
  generation: '0.9',
  run: async (stage) => {
    // A real Control Plane cannot update a database here: it has no Postgres image.
    if (stage.controlPlane.name !== 'stand-in') {
      return replaceOne(stage, await prepare(stage, servers(3)), {}, false);
    }
    const all = ['host-1', 'host-2', 'host-3'];
    const prepared = await prepare(stage, servers(3), {
      fill: (cluster) => createDatabase(cluster, 'db1', all),
    });
    const outcome = await replaceOne(stage, prepared, {}, true);
    const { cluster } = prepared;
    const left = await hostsOfDatabase(cluster, hostOf(cluster, 'host-1'), 'db1');
    if (left.join() !== 'host-1,host-2') throw new Error(`db1 is on ${left.join()}`);
    return { ...outcome, proofs: [...outcome.proofs, 'db1 lives on host-1 and host-2'] };
  },
};

/** Without the database: this generation cannot take a host out of one. */
export const oneReplacedOlder: Scenario = {
  name: '2-older',
  title: '3 servers, 2 lost, one returns, one is replaced, older generation',
  generation: '0.6',
  extra: true,
  run: async (stage) =>
    replaceOne(stage, await prepare(stage, servers(3)), olderWay(['host-2']), false),
};

async function replaceOne(
  stage: Stage,
  prepared: Prepared,
  way: Pick<Story, 'refused' | 'named'>,
  databasesChanged: boolean,
): Promise<Outcome> {
  const { cluster } = prepared;
  await lose(stage, cluster, ['host-2', 'host-3']);
  const returns = returnBefore(stage, cluster, 'host-2', ['host-2']);
  const isNew = (turn: Turn): boolean => turn.role === 'join' && turn.host === 'host-3';
  return recover(stage, prepared, {
    states: { 'host-2': 'returning', 'host-3': 'replaced' },
    recovery: { host: 'host-1' },
    story: {
      ...way,
      before: async (turn, bundle, operator) => {
        await returns(turn, bundle, operator);
        if (!isNew(turn)) return;
        await replaceHost(stage, cluster, 'host-3', bundle);
        await handOverToken(cluster, 'host-1', 'host-3', 'manager');
      },
      options: (turn) => (isNew(turn) ? ['--swarm-token-file', '/root/swarm-token'] : []),
    },
    expected: { recoveryHost: 'host-1', replaced: ['host-3'], databasesChanged },
  });
}

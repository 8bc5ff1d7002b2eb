// Scenario 20: scenario 1, but the operator types nothing except `bash recover.sh`. Scenario 21: in the
// middle of such a recovery the second voter is lost again.

import { hostOf, statusOf, writeKnown } from '../cluster.ts';
import { createDatabase } from '../database-records.ts';
import {
  lose,
  prepare,
  recover,
  returnBefore,
  returnHosts,
  type Scenario,
  servers,
  startRecovery,
} from '../stage.ts';

const lost = ['host-2', 'host-3'];
const states = { 'host-2': 'returning', 'host-3': 'returning' } as const;

export const recoverAlone: Scenario = {
  name: '20',
  title: '3 servers, 2 lost, both return: nothing but recover.sh, four log-ins',
  generation: '0.9',
  run: async (stage) => {
    const prepared = await prepare(stage, servers(3), {
      fill: (cluster) => createDatabase(cluster, 'db1', ['host-1', 'host-2', 'host-3']),
    });
    await lose(stage, prepared.cluster, lost);
    const outcome = await recover(stage, prepared, {
      states,
      recovery: { host: 'host-1' },
      story: { recover: true, before: returnBefore(stage, prepared.cluster, 'host-2', lost) },
      expected: { recoveryHost: 'host-1' },
    });
    if (outcome.logIns !== 4) throw new Error(`${outcome.logIns} log-ins instead of 4`);
    return outcome;
  },
};

export const lostInTheMiddle: Scenario = {
  name: '21',
  title: 'the second voter is lost in the middle of a recovery: the late writes are kept',
  generation: '0.9',
  extra: true,
  long: true,
  run: async (stage) => {
    const prepared = await prepare(stage, servers(3));
    const { cluster, baseline } = prepared;
    await lose(stage, cluster, lost);
    const first = await startRecovery(stage, prepared, { states, recovery: { host: 'host-1' } });
    const reattach = first.bundle.turns.find(
      ({ role, host }) => role === 'reattach' && host === 'host-2',
    );
    await first.follow({
      before: returnBefore(stage, cluster, 'host-2', ['host-2']),
      last: reattach?.path ?? '',
    });
    const recovery = hostOf(cluster, 'host-1');
    const late = await writeKnown(recovery, 'in-the-middle', 150);
    const known = new Map([...baseline.known, ...late]);
    const { clusterId, revision } = await statusOf(recovery);
    const now = { ...baseline, known, clusterId, revision };
    await lose(stage, cluster, ['host-2']);
    stage.note('with two voters, one is lost again');
    let back = false;
    return recover(
      stage,
      { cluster, baseline: now },
      {
        states: {},
        bundle: first.bundle,
        story: {
          recover: true,
          before: async (turn) => {
            if (back || turn.role !== 'reattach') return;
            back = true;
            await returnHosts(stage, cluster, lost);
          },
        },
        expected: { recoveryHost: 'host-1' },
      },
    );
  },
};

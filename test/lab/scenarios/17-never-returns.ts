// Scenario 17: one of two lost hosts never returns. It is removed, and the recovery is closed with
// the two voters that are left.

import { hostOf, hostRecords } from '../cluster.ts';
import { lose, prepare, recover, returnBefore, type Scenario, servers, turnsOf } from '../stage.ts';

export const neverReturns: Scenario = {
  name: '17',
  title: 'a host that never returns: removed, closed with the two voters that are left',
  generation: '0.9',
  run: async (stage) => {
    const prepared = await prepare(stage, servers(3));
    const { cluster } = prepared;
    await lose(stage, cluster, ['host-2', 'host-3']);
    const outcome = await recover(stage, prepared, {
      states: { 'host-2': 'returning', 'host-3': 'returning' },
      recovery: { host: 'host-1' },
      story: {
        before: returnBefore(stage, cluster, 'host-2', ['host-2']),
        skipped: (turn) => turn.host === 'host-3',
        named: (bundle) => turnsOf(bundle, 'remove', ['host-3']),
      },
      expected: { recoveryHost: 'host-1', hosts: ['host-1', 'host-2'], leftAlone: ['host-2'] },
    });
    const records = (await hostRecords(cluster, hostOf(cluster, 'host-1'))) ?? [];
    const ids = records.map((record) => record.id).sort();
    if (ids.join() !== 'host-1,host-2') throw new Error(`the records are ${ids.join()}`);
    const last = outcome.operator.runs.at(-1);
    if (!/^\d+-verify-on-/.test(last?.path ?? '')) throw new Error('phase 8 was not the last');
    const said = tolerance(last?.output ?? '');
    return { ...outcome, proofs: ['host-3 has no record', `phase 8: ${said}`, ...outcome.proofs] };
  },
};

/** What the last script says about the next loss. */
function tolerance(output: string): string {
  const line = output.split('\n').find((one) => /\b(2|two) voters\b/i.test(one));
  if (line === undefined) throw new Error(`phase 8 does not mention two voters:\n${output}`);
  return line.trim();
}

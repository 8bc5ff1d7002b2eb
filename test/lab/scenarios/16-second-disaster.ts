// Scenario 16: after a complete recovery the same two hosts are lost again. The same bundle recovers
// the cluster again, without an option: what was closed is over.

import { takeBaseline } from '../baseline.ts';
import { hostOf, writeKnown } from '../cluster.ts';
import type { Operator } from '../operator.ts';
import {
  lose,
  prepare,
  recover,
  returnBefore,
  type Scenario,
  servers,
  startRecovery,
} from '../stage.ts';

const lost = ['host-2', 'host-3'];

export const secondDisaster: Scenario = {
  name: '16',
  title: 'a second disaster after a closed recovery: the same bundle, no option',
  generation: '0.9',
  long: true,
  run: async (stage) => {
    const prepared = await prepare(stage, servers(3));
    const { cluster } = prepared;
    await lose(stage, cluster, lost);
    const first = await startRecovery(stage, prepared, {
      states: { 'host-2': 'returning', 'host-3': 'returning' },
      recovery: { host: 'host-1' },
    });
    await first.follow({ before: returnBefore(stage, cluster, 'host-2', lost) });
    stage.note('first recovery closed');

    const recovery = hostOf(cluster, 'host-1');
    const late = await writeKnown(recovery, 'between-the-disasters', 150);
    const known = new Map([...prepared.baseline.known, ...late]);
    const baseline = await takeBaseline(cluster, recovery, known);
    await lose(stage, cluster, lost);
    const outcome = await recover(
      stage,
      { cluster, baseline },
      {
        states: {},
        bundle: first.bundle,
        story: { before: returnBefore(stage, cluster, 'host-2', lost) },
        expected: { recoveryHost: 'host-1' },
      },
    );
    const proof = proveWorked(outcome.operator);
    return { ...outcome, proofs: [proof, ...outcome.proofs] };
  },
};

/** Every script had something to do, and none was given the number of the incident. */
function proveWorked(operator: Operator): string {
  const idle = operator.runs.filter((ran) => !/ {2}run: /.test(ran.output));
  if (idle.length > 0) throw new Error(`did nothing: ${idle.map((ran) => ran.path).join(', ')}`);
  const given = operator.runs.flatMap((ran) => ran.options);
  if (given.includes('--incident')) throw new Error('--incident was given');
  return `${operator.runs.length} scripts of the same bundle worked again without --incident`;
}

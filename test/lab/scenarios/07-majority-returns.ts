// Scenario 7: the old majority comes back in the middle: power returns to both lost hosts before
// phase 4, is cut again, and returns again before their phase 6. Never may the old quorum take a
// write next to the restored cluster.

import { setTimeout as sleep } from 'node:timers/promises';
import { type Cluster, etcdctl, hostOf } from '../cluster.ts';
import { act, type Operator, runScript } from '../operator.ts';
import {
  lose,
  prepare,
  recover,
  returnHosts,
  type Scenario,
  type Stage,
  servers,
} from '../stage.ts';

const lost = ['host-2', 'host-3'];

/** How long the old majority has to show itself. */
const secondsAlone = 40;

export const majorityReturns: Scenario = {
  extra: true,
  name: '7',
  title: 'the old majority comes back in the middle, twice: no split brain',
  generation: '0.9',
  long: true,
  run: async (stage) => {
    const prepared = await prepare(stage, servers(3));
    const { cluster } = prepared;
    await lose(stage, cluster, lost);
    return recover(stage, prepared, {
      states: { 'host-2': 'returning', 'host-3': 'returning' },
      recovery: { host: 'host-1' },
      story: {
        before: async (turn, bundle, operator) => {
          if (turn.role === 'start') {
            await returnHosts(stage, cluster, lost);
            await proveSilent(stage, cluster);
            await lose(stage, cluster, lost);
            await reviveAgain(stage, operator, turn.path, bundle.turns[0]?.path ?? '');
          }
          if (turn.role === 'reattach' && turn.host === 'host-2') {
            await returnHosts(stage, cluster, lost);
            await proveSilent(stage, cluster);
          }
        },
      },
      expected: { recoveryHost: 'host-1' },
    });
  },
};

/**
 * While they were back the two were managers of the Swarm again, so it has lost its quorum a second
 * time. The script of phase 4 must say so and name what to run.
 */
async function reviveAgain(
  stage: Stage,
  operator: Operator,
  path: string,
  first: string,
): Promise<void> {
  const ran = await runScript(operator, path, ['--apply'], [0, 75]);
  if (ran.status === 0) return;
  if (!ran.output.includes(first)) {
    throw new Error(`phase 4 stopped without naming ${first}:\n${ran.output}`);
  }
  stage.note('phase 4 stops: Swarm has lost its managers again; phase 1 is run once more');
  await act(
    operator,
    first,
    lost.flatMap((id) => ['--fenced', id]),
  );
}

/** No lost host's own etcd takes a write while both of them run. */
async function proveSilent(stage: Stage, cluster: Cluster): Promise<void> {
  const until = Date.now() + secondsAlone * 1000;
  let asked = 0;
  while (Date.now() < until) {
    for (const id of lost) {
      const put = ['put', '/plan-lab/split-brain', id, '--command-timeout', '1s'];
      const answer = await etcdctl(hostOf(cluster, id), [...put, '--dial-timeout', '1s']);
      if (answer.status === 0) throw new Error(`split brain: the old etcd of ${id} took a write`);
      asked += 1;
    }
    await sleep(1000);
  }
  stage.note(`the old majority took none of ${asked} writes in ${secondsAlone} s`);
}

// Scenario 18: the recovery host loses power at several moments of phase 1. Each time power comes
// back and phase 1 is run again. No secret is on its disk, whatever the moment.

import { hostOf } from '../cluster.ts';
import { proveDiskSilent } from '../evidence.ts';
import { powerCut } from '../machines.ts';
import { fencing, runUntil } from '../operator.ts';
import {
  lose,
  prepare,
  recover,
  returnBefore,
  returnHosts,
  type Scenario,
  servers,
} from '../stage.ts';

const lost = ['host-2', 'host-3'];

/**
 * A line of the log, after which power is cut. A further line shows that the command has ended. In
 * the order in which runs that are interrupted there reach them.
 */
const moments: readonly { readonly name: string; readonly after: RegExp }[] = [
  {
    name: 'the revival of the Swarm had begun',
    after: /run: docker swarm init --force-new-cluster/,
  },
  {
    name: 'the Swarm was revived',
    after: /run: docker swarm init --force-new-cluster.*\n.+|Swarm has a leader/,
  },
  {
    name: 'its container was ended',
    after: /run: docker( container)? kill .*\n.+|no container of \S+ runs/,
  },
  { name: 'the salvage had begun', after: /run: cp -a\S* .*\n.+/ },
];

export const powerCuts: Scenario = {
  name: '18',
  title: 'power cut of the recovery host at moments of phase 1: nothing is lost, no secret is left',
  generation: '0.9',
  extra: true,
  run: async (stage) => {
    const prepared = await prepare(stage, servers(3));
    const { cluster } = prepared;
    await lose(stage, cluster, lost);
    const cuts: string[] = [];
    const returns = returnBefore(stage, cluster, 'host-2', lost);
    const outcome = await recover(stage, prepared, {
      states: { 'host-2': 'returning', 'host-3': 'returning' },
      recovery: { host: 'host-1' },
      story: {
        before: async (turn, bundle, operator) => {
          await returns(turn, bundle, operator);
          if (turn.role !== 'prepare') return;
          for (const { name, after } of moments) {
            const options = fencing(operator, turn);
            const script = await runUntil(operator, turn.path, options, after);
            await powerCut(hostOf(cluster, turn.host).machine);
            await script.done;
            stage.note(`power cut after ${name}`);
            cuts.push(`power cut after ${name}: phase 1 was run again`);
            cuts.push(await proveDiskSilent(hostOf(cluster, turn.host), prepared.baseline));
            await returnHosts(stage, cluster, [turn.host]);
          }
        },
      },
      expected: { recoveryHost: 'host-1' },
    });
    return { ...outcome, proofs: [...cuts, ...outcome.proofs] };
  },
};

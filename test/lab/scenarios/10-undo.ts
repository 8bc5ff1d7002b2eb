// Scenario 10: the way back after phase 2, 3 and 4: the recovery host is as it was, byte for byte
// where nothing else wrote. Afterwards the same plan recovers the cluster from the start.

import { createHash } from 'node:crypto';
import { type Cluster, hostOf } from '../cluster.ts';
import { run } from '../machines.ts';
import {
  act,
  compileBundle,
  followPlan,
  inventoryOf,
  sendOperator,
  turnOfPhase,
} from '../operator.ts';
import { lose, prepare, recover, returnBefore, type Scenario, servers } from '../stage.ts';

const lost = ['host-2', 'host-3'];
const states = { 'host-2': 'returning', 'host-3': 'returning' } as const;

export const undo: Scenario = {
  name: '10',
  title: 'undo after phase 2, 3 and 4: the host is as it was, then recovered',
  generation: '0.9',
  extra: true,
  run: async (stage) => {
    const prepared = await prepare(stage, servers(3));
    const { cluster } = prepared;
    await lose(stage, cluster, lost);
    const bundle = await compileBundle(
      cluster,
      inventoryOf(cluster, states, { host: 'host-1' }),
      'undo',
    );
    const operator = await sendOperator(cluster, bundle, `${stage.name}-undo`);
    const proofs: string[] = [];
    for (const phase of [2, 3, 4] as const) {
      // Phase 1 stops the host; from there on nothing but our scripts writes.
      await followPlan(operator, { last: turnOfPhase(bundle, 1).path });
      const before = await contents(cluster);
      for (const number of [2, 3, 4] as const) {
        if (number <= phase) await act(operator, turnOfPhase(bundle, number).path);
      }
      // From the token window of phase 3 on, databases can write.
      const drop = phase === 2 ? [] : ['--drop-writes-since-restore'];
      await act(operator, 'undo/undo-on-host-1.sh', drop);
      const after = await contents(cluster);
      if (before !== after) throw new Error(`undo after phase ${phase}:\n${before}\n--\n${after}`);
      stage.note(`undone after phase ${phase}`);
      proofs.push(`undo after phase ${phase}: every byte, owner and mode as before`);
    }
    const outcome = await recover(stage, prepared, {
      states,
      recovery: { host: 'host-1' },
      story: { before: returnBefore(stage, cluster, 'host-2', lost) },
      expected: { recoveryHost: 'host-1' },
    });
    return { ...outcome, proofs: [...proofs, ...outcome.proofs] };
  },
};

/** Path, mode, owner and sum of all there is in the data directory, but for our own folder. */
async function contents(cluster: Cluster): Promise<string> {
  const host = hostOf(cluster, 'host-1');
  const script = `cd '${host.dataDirectory}'
find . -path ./plan-recovery -prune -o -printf '%p %m %U:%G %y\\n' | sort
find . -path ./plan-recovery -prune -o -type f -print0 | sort -z | xargs -0 sha256sum`;
  const { stdout } = await run(host.machine, ['bash', '-s'], { stdin: script });
  const sum = createHash('sha256').update(stdout).digest('hex');
  return `${stdout}${sum}`;
}

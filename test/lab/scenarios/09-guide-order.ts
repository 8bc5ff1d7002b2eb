// Scenario 9: the guide's own order, every lost host removed and joined, with databases on several
// of them. The newer generation gets through without a deadlock; the older one has no update that
// could, so the script must stop and say so.

import { hostOf } from '../cluster.ts';
import { createDatabase, hostsOfDatabase } from '../database-records.ts';
import { attempt } from '../machines.ts';
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
const states = { 'host-2': 'returning', 'host-3': 'returning' } as const;
const recovery = { host: 'host-1', rejoin: 'guide' };

export const guideOrder: Scenario = {
  extra: true,
  name: '9',
  title: "the guide's own order, databases on several lost hosts: no deadlock",
  generation: '0.9',
  run: async (stage) => {
    const prepared = await prepare(stage, servers(3), {
      fill: async (cluster) => {
        await createDatabase(cluster, 'db1', ['host-1', 'host-2', 'host-3']);
        await createDatabase(cluster, 'db2', ['host-1', 'host-3']);
      },
    });
    const { cluster } = prepared;
    await lose(stage, cluster, lost);
    const outcome = await recover(stage, prepared, {
      states,
      recovery,
      story: {
        before: returnBefore(stage, cluster, 'host-2', lost, 'join'),
        named: (bundle) =>
          bundle.turns
            .filter(({ role }) => role === 'remove' || role === 'join')
            .map(({ path }) => path),
      },
      expected: { recoveryHost: 'host-1', databasesChanged: true },
    });
    const proofs = [...outcome.proofs];
    for (const id of ['db1', 'db2']) {
      const left = await hostsOfDatabase(cluster, hostOf(cluster, 'host-1'), id);
      if (left.join() !== 'host-1') throw new Error(`${id} is on ${left.join()}`);
      const specs = `find /data/pgedge/control-plane/plan-recovery -name ${id}.json | grep -q .`;
      const saved = await attempt(hostOf(cluster, 'host-1').machine, ['sh', '-c', specs]);
      if (saved.status !== 0) throw new Error(`the spec of ${id} was not saved`);
      proofs.push(`${id}: lives on host-1, its earlier spec is saved`);
    }
    const last = outcome.operator.runs.at(-1)?.output ?? '';
    if (!/db1/.test(last)) throw new Error('the last script does not state where db1 is no longer');
    return { ...outcome, proofs: [...proofs, 'the last script states the difference'] };
  },
};

export const guideOrderOlder: Scenario = {
  name: '9-older',
  title: "the guide's own order, databases on lost hosts, older generation: a clear stop",
  generation: '0.6',
  extra: true,
  run: async (stage) => {
    const prepared = await prepare(stage, servers(3), {
      fill: (cluster) => createDatabase(cluster, 'db1', ['host-1', 'host-2', 'host-3']),
    });
    await lose(stage, prepared.cluster, lost);
    const begun = await startRecovery(stage, prepared, { states, recovery });
    const removal = begun.bundle.turns.find((turn) => turn.role === 'remove');
    if (removal === undefined) throw new Error('the plan has no removal');
    const ran = await begun.follow({
      named: () => [removal.path],
      refused: (turn) => turn.path === removal.path,
      last: removal.path,
    });
    const said = begun.operator.runs.at(-1)?.output ?? '';
    if (!/remove_host/.test(said)) throw new Error(`the stop does not tell why:\n${said}`);
    const changed = said.split('\n').filter((line) => / {2}run: .*(DELETE|POST)/.test(line));
    if (changed.length > 0) throw new Error(`it changed something first: ${changed[0]}`);
    return {
      ...ran,
      verdict: 'clear stop',
      proofs: ['the removal stops, says why, and has changed nothing'],
    };
  },
};

// Scenario 3: every server lost. The recovery host is a new machine with the same identity, a backup
// of its certificates and configuration, and a saved snapshot; the Swarm and the stack are new.
// One other host comes back with its disk, the third never does.

import { cp, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hostOf, stackFileOf, writeKnown } from '../cluster.ts';
import { rootOf } from '../machines.ts';
import { act, compileBundle, inventoryOf, sendOperator } from '../operator.ts';
import {
  handOverToken,
  lose,
  prepare,
  recover,
  replaceHost,
  returnHosts,
  type Scenario,
  servers,
} from '../stage.ts';

const stackFile = '/root/stack.yml';
const snapshotFile = '/root/backup/snapshot.db';

export const totalLoss: Scenario = {
  name: '3',
  title: 'total loss: a new machine, a saved snapshot, a new Swarm; one disk comes back',
  generation: '0.9',
  run: async (stage) => {
    const prepared = await prepare(stage, servers(3));
    const { cluster, baseline } = prepared;
    const recovery = hostOf(cluster, 'host-1');
    // What a careful owner has: the nightly snapshot and three files, off the machine.
    const early = await compileBundle(
      cluster,
      inventoryOf(cluster, {}, {}),
      'before-the-incident',
      'host-1',
    );
    const owner = await sendOperator(cluster, early, `${stage.name}-before`);
    await act(owner, 'before/snapshot-on-host-1.sh');
    const backup = join(cluster.network.state.directory, 'backup');
    const data = join(rootOf(recovery.machine), recovery.dataDirectory);
    const snapshots = join(data, 'plan-recovery/snapshots');
    const [snapshot = ''] = await readdir(snapshots);
    await mkdir(backup, { recursive: true });
    await cp(join(snapshots, snapshot), join(backup, 'snapshot.db'));
    for (const name of ['certificates', 'generated.config.json']) {
      await cp(join(data, name), join(backup, name), { recursive: true });
    }
    const late = await writeKnown(recovery, 'after-the-snapshot', 5);
    const stack = stackFileOf(cluster);
    await lose(stage, cluster, ['host-1', 'host-2', 'host-3']);

    const states = { 'host-1': 'replaced', 'host-2': 'returning', 'host-3': 'gone' } as const;
    const source = { source: 'saved', path: snapshotFile };
    const inventory = inventoryOf(cluster, states, { host: 'host-1', snapshot: source }, stackFile);
    const bundle = await compileBundle(cluster, inventory);
    await replaceHost(stage, cluster, 'host-1', bundle);
    const root = rootOf(recovery.machine);
    await cp(join(backup, 'snapshot.db'), join(root, snapshotFile));
    for (const name of ['certificates', 'generated.config.json']) {
      await cp(join(backup, name), join(data, name), { recursive: true });
    }
    await writeFile(join(root, stackFile), stack);
    const known = new Map([...baseline.known, ...late]);
    return recover(
      stage,
      { cluster, baseline: { ...baseline, known } },
      {
        states,
        bundle,
        story: {
          before: async (turn) => {
            if (turn.role === 'reattach' && turn.host === 'host-2') {
              await returnHosts(stage, cluster, ['host-2']);
              await handOverToken(cluster, 'host-1', 'host-2', 'manager');
            }
          },
          options: (turn) =>
            turn.role === 'reattach' ? ['--swarm-token-file', '/root/swarm-token'] : [],
        },
        expected: {
          recoveryHost: 'host-1',
          hosts: ['host-1', 'host-2'],
          replaced: ['host-1'],
          newSwarm: true,
          leftAlone: ['host-2'],
          lostKeys: [...late.keys()],
        },
      },
    );
  },
};

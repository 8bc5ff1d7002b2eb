// Two survivors of five server hosts: host-1 was cut off while the others accepted writes. What was
// acknowledged then is only on host-2.

import { pulse } from './baseline.ts';
import { type Host, hostOf, memberWords, writeKnown } from './cluster.ts';
import { heal, partition, until } from './machines.ts';
import { type Bundle, compileBundle, inventoryOf } from './operator.ts';
import { lose, type Prepared, prepare, type Stage, servers } from './stage.ts';

/** A stale and a fresh survivor, and the bundles for both, compiled before the incident. */
export type Survivors = {
  readonly prepared: Prepared;
  readonly stale: Host;
  readonly fresh: Host;
  /** The bundle that recovers on the stale host. */
  readonly wrong: Bundle;
  /** The bundle that recovers on the fresh host. */
  readonly right: Bundle;
  /** Revisions of the stale and the fresh host. */
  readonly revisions: readonly number[];
};

/** Hosts that are lost with the quorum. */
export const lost = ['host-3', 'host-4', 'host-5'];

/**
 * Builds the cluster, and loses its quorum with a stale and a fresh survivor.
 *
 * @param healthy called before the loss, with the bundle of the host that will be fresh.
 */
export async function survivors(
  stage: Stage,
  healthy: (host: Host, bundle: Bundle) => Promise<void> = async () => {},
): Promise<Survivors> {
  const before = await prepare(stage, servers(5));
  const { cluster, baseline } = before;
  const [stale, fresh] = [hostOf(cluster, 'host-1'), hostOf(cluster, 'host-2')];
  const inventory = inventoryOf(cluster, {}, {});
  const wrong = await compileBundle(cluster, inventory, 'survivors', stale.id);
  const right = await compileBundle(cluster, inventory, 'survivors', fresh.id);
  await healthy(fresh, right);

  await partition(stale.machine);
  stage.note('host-1 is cut off from the network');
  await until('a write without host-1', 30, () => pulse(fresh, 0));
  const late = await writeKnown(fresh, 'without-host-1', 200);
  await lose(stage, cluster, lost);
  // Only now: host-1 would catch up with a leader, which host-2 itself may be for a second more.
  await until('that host-2 has no leader', 30, async () =>
    (await memberWords(fresh))?.leader === false ? true : null,
  );
  await heal(stale.machine);
  const revisions = await revisionsOf([stale, fresh]);
  stage.note(`host-1 is back: revision ${revisions.join(' on host-1, ')} on host-2`);
  const known = new Map([...baseline.known, ...late]);
  const prepared = { cluster, baseline: { ...baseline, known, revision: revisions[1] ?? 0 } };
  return { prepared, stale, fresh, wrong, right, revisions };
}

/** Revisions of survivors, once each says that it has no leader. */
function revisionsOf(hosts: readonly Host[]): Promise<readonly number[]> {
  return until('members that say they have no leader', 60, async () => {
    const words = await Promise.all(hosts.map(memberWords));
    if (words.some((word) => word === null || word.leader)) return null;
    const revisions = words.map((word) => word?.revision ?? Number.NaN);
    // The difference is what this is about.
    if (!((revisions[0] ?? 0) < (revisions[1] ?? 0))) {
      throw new Error(`the stale survivor is not behind: ${revisions.join(' and ')}`);
    }
    return revisions;
  });
}

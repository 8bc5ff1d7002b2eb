// Setting -> the turn of guide phase 2: the snapshot in the place of etcd/.

import { type Setting, slotsOf } from './setting.ts';
import { step } from './steps.ts';
import { type Draft, draft } from './turn.ts';

/** One turn on the recovery host (guide 2.1 to 2.4). */
export function restore(setting: Setting): readonly Draft[] {
  const { chosen, recovery } = setting;
  const bump = recovery.revisionBump;
  return slotsOf(setting, 'restore').map((slot) =>
    draft(
      slot,
      {
        title: `restore the snapshot on ${chosen.id}`,
        reason: 'One host goes back to the snapshot alone; every other one joins it later.',
      },
      [
        step(
          '2.1',
          'check-recovery-host',
          {},
          {
            needs: [{ fact: 'snapshot-verified' }],
            yields: [{ fact: 'recovery-host-checked' }],
          },
        ),
        step(
          '2.2',
          'set-etcd-aside',
          {},
          {
            needs: [{ fact: 'recovery-host-checked' }],
            yields: [{ fact: 'etcd-set-aside' }],
          },
        ),
        step(
          '2.3',
          'restore-snapshot',
          { flags: bump === null ? [] : ['--bump-revision', String(bump), '--mark-compacted'] },
          {
            needs: [{ fact: 'snapshot-verified' }, { fact: 'etcd-set-aside' }],
            yields: [{ fact: 'etcd-restored' }],
            reason:
              bump === null
                ? 'Whole, then renamed into place. Revisions go on from the snapshot, as the ' +
                  'inventory asks: a watcher may see one go backwards.'
                : `Whole, then renamed into place. Revisions are raised by ${bump}, so that no ` +
                  'watcher ever sees one go backwards.',
          },
        ),
        step(
          '2.4',
          'fix-ownership',
          { owner: ownerOf(setting) },
          {
            needs: [{ fact: 'etcd-restored' }],
          },
        ),
      ],
    ),
  );
}

/** `reference`, or `user:group`. */
export function ownerOf({ recovery: { owner } }: Setting): string {
  return owner === 'reference' ? owner : `${owner.user}:${owner.group}`;
}

// Setting -> the turn of guide phase 2: the snapshot in the place of etcd/.

import { type Setting, slotsOf } from './setting.ts';
import { step, type TurnBody, turnBody } from './turn.ts';

/** One turn on the recovery host (guide 2.1 to 2.4). */
export function restore(setting: Setting): readonly TurnBody[] {
  const { chosen, recovery } = setting;
  return slotsOf(setting, 'restore').map((slot) =>
    turnBody(
      slot,
      {
        title: `restore the snapshot on ${chosen.id}`,
        reason: 'One host goes back to the snapshot alone; every other one joins it later.',
      },
      [
        step('2.1', 'check-recovery-host', {}),
        step('2.2', 'set-etcd-aside', {}),
        step('2.3', 'restore-snapshot', { revisionBump: recovery.revisionBump }),
        step('2.4', 'fix-ownership', { after: 'restore', owner: ownerOf(setting) }),
        step('2.4', 'place-etcd', {}),
      ],
    ),
  );
}

/** `reference`, or `user:group`. */
export function ownerOf({ recovery: { owner } }: Setting): string {
  return owner === 'reference' ? owner : `${owner.user}:${owner.group}`;
}

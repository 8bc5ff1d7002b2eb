// Setting -> the turn of guide phase 3: one voter proved, and the token window.

import { ownerOf } from './phase-2-restore.ts';
import { type Setting, slotsOf } from './setting.ts';
import { step, type TurnBody, turnBody } from './turn.ts';

/** One turn on the recovery host (guide 3.1 to 3.3). */
export function rewrite(setting: Setting): readonly TurnBody[] {
  const { chosen, recovery } = setting;
  const skipped = recovery.rewriteMembership === 'skip';
  const windowless = noWindow(setting);
  const steps = [
    step('3.1', 'prove-free', { before: 'rewrite' }),
    ...(skipped ? [] : [step('3.2', 'rewrite-membership', {})]),
    ...(windowless === null
      ? [step('3.2', 'token-window', { seconds: recovery.tokenWindow })]
      : []),
    step('3.3', 'fix-ownership', { after: 'rewrite', owner: ownerOf(setting) }),
  ];
  const omits: TurnBody['omits'] = [
    ...(skipped
      ? [
          {
            guide: '3.2',
            because:
              'the inventory skips the rewrite on loopback: that the restored data starts, and ' +
              'holds one voter, shows only in phase 4',
          } as const,
        ]
      : []),
    ...(windowless === null ? [] : [{ guide: '3.2', because: windowless } as const]),
  ];
  return slotsOf(setting, 'rewrite').map((slot) =>
    turnBody(
      slot,
      {
        title:
          `prove one voter on ${chosen.id}` +
          (windowless === null ? ', then end all old logins' : ''),
        reason:
          windowless === null
            ? 'The restored data is tried on loopback before anything relies on it; ' +
              'surviving databases can write again from here on.'
            : 'The restored data is checked before anything relies on it.',
      },
      steps,
      omits,
    ),
  );
}

/** Why there is no token window, or null if there is one (guide 3.2). */
function noWindow({ cluster, chosen, recovery, total }: Setting): string | null {
  if (recovery.tokenWindow === 0) {
    return (
      'the inventory has no token window: every surviving database with a replica and every ' +
      'surviving client host has to be restarted by hand'
    );
  }
  // A machine that was off, or is new, starts its containers from scratch: they hold no old login.
  const surviving = cluster.hosts.some(
    (host) =>
      host.id !== chosen.id &&
      (host.state === null || host.state === 'alive' || host.state === 'lost'),
  );
  if (!total || surviving) return null;
  return 'no token window: nothing survives that could hold an old login';
}

// Setting -> the turn of guide phase 3: one voter proved, and the token window.

import type { Step } from './ir.ts';
import { ownerOf } from './phase-2-restore.ts';
import { type Setting, slotsOf } from './setting.ts';
import { step } from './steps.ts';
import { type Draft, draft } from './turn.ts';

/** One turn on the recovery host (guide 3.1 to 3.3). */
export function rewrite(setting: Setting): readonly Draft[] {
  const { chosen, recovery } = setting;
  const restored = { needs: [{ fact: 'etcd-restored' }] } as const;
  const skipped = recovery.rewriteMembership === 'skip';
  const windowless = noWindow(setting);
  const steps: readonly Step[] = [
    step('3.1', 'prove-free', { before: 'rewrite' }, restored),
    ...(skipped
      ? []
      : [
          step(
            '3.2',
            'rewrite-membership',
            {},
            {
              ...restored,
              yields: [{ fact: 'membership-rewritten' }],
            },
          ),
        ]),
    ...(windowless === null
      ? [step('3.2', 'token-window', { seconds: recovery.tokenWindow }, restored)]
      : []),
    step(
      '3.3',
      'fix-ownership',
      { owner: ownerOf(setting) },
      {
        ...restored,
        reason: 'etcd has written as root since phase 2.',
      },
    ),
  ];
  const omits: Draft['omits'] = [
    ...(skipped
      ? [
          {
            guide: '3.2',
            because:
              'the inventory skips the rewrite on loopback: that the restored data start, and ' +
              'hold one voter, shows only in phase 4',
          } as const,
        ]
      : []),
    ...(windowless === null ? [] : [{ guide: '3.2', because: windowless } as const]),
  ];
  return slotsOf(setting, 'rewrite').map((slot) =>
    draft(
      slot,
      {
        title: `prove one voter on ${chosen.id}, then let old logins go`,
        reason:
          windowless === null
            ? 'The restored data are tried on loopback before anything relies on them; ' +
              'surviving databases can write again from here on.'
            : 'The restored data are looked at before anything relies on them.',
      },
      steps,
      omits,
    ),
  );
}

/** Why there is no token window, or null where there is one (guide 3.2). */
function noWindow({ cluster, chosen, recovery, total }: Setting): string | null {
  if (recovery.tokenWindow === 0) {
    return (
      'the inventory has no token window: every surviving database with a replica and every ' +
      'surviving client host has to be restarted by hand'
    );
  }
  // A machine that was off, or is new, starts its containers anew: they hold no old login.
  const surviving = cluster.hosts.some(
    (host) =>
      host.id !== chosen.id &&
      (host.state === null || host.state === 'alive' || host.state === 'lost'),
  );
  if (!total || surviving) return null;
  return 'no token window: nothing survives that could hold an old login';
}

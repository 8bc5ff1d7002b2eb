// Setting -> the turn of guide phase 4: the recovery host serves the cluster again, alone.

import type { Fact, Host, StepParams } from './ir.ts';
import { type Setting, slotsOf } from './setting.ts';
import { step } from './steps.ts';
import { type Draft, draft, probed } from './turn.ts';

/** One turn on the recovery host (guide 4.1 to 4.4). */
export function start(setting: Setting): readonly Draft[] {
  const { chosen, clients, quorum, recovery } = setting;
  const answers = { needs: [{ fact: 'api-answers' }] } as const;
  const rewritten: readonly Fact[] =
    recovery.rewriteMembership === 'skip' ? [] : [{ fact: 'membership-rewritten' }];
  // Clients that return or are replaced have their turn in phase 7; others may be running now.
  const running = clients.filter(
    ({ state }) => state === null || state === 'alive' || state === 'lost',
  );
  return slotsOf(setting, 'start').map((slot) =>
    draft(
      slot,
      {
        title: `start ${chosen.id} and prove it serves the cluster alone`,
        reason: 'From here on the API answers; with one voter the cluster tolerates no loss yet.',
      },
      [
        step(
          '4.1',
          'start-service',
          { service: chosen.service, target: chosen.id },
          {
            needs: [{ fact: 'etcd-restored' }, ...rewritten],
            yields: [{ fact: 'recovery-host-started' }],
          },
        ),
        step(
          '4.2',
          'wait-api',
          {},
          {
            needs: [{ fact: 'recovery-host-started' }],
            yields: [{ fact: 'api-answers' }],
          },
        ),
        step('4.3', 'check-endpoint', {}, answers),
        step(
          '4.4',
          'prove-alone',
          {},
          {
            ...answers,
            yields: quorum.target === 1 ? [{ fact: 'quorum-reached' }] : [],
          },
        ),
        step('4.4', 'show-leftovers', {}, answers),
        ...(running.length === 0
          ? []
          : [step('4.4', 'refresh-clients', { clients: running.map(clientOf) }, answers)]),
      ],
    ),
  );
}

function clientOf(host: Host): StepParams['refresh-clients']['clients'][number] {
  const { target, address, ports } = probed(host);
  return { target, service: host.service, address, port: ports.api };
}

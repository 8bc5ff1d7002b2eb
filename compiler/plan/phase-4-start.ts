// Setting -> the turn of guide phase 4: the recovery host serves the cluster again, alone.

import type { Host } from '../hosts.ts';
import type { StepParams } from '../steps/all.ts';
import { ofCluster } from '../steps/facts.ts';
import { type Setting, slotsOf } from './setting.ts';
import { step, type TurnBody, turnBody } from './turn.ts';

/** One turn on the recovery host (guide 4.1 to 4.4). */
export function start(setting: Setting): readonly TurnBody[] {
  const { chosen, clients, quorum, recovery } = setting;
  const rewritten =
    recovery.rewriteMembership === 'skip' ? [] : [ofCluster('membership-rewritten')];
  const reached = quorum.target === 1 ? [ofCluster('quorum-reached')] : [];
  // Clients that return or are replaced have their turn in phase 7; others may be running now.
  const running = clients.filter(
    ({ state }) => state === null || state === 'alive' || state === 'lost',
  );
  return slotsOf(setting, 'start').map((slot) =>
    turnBody(
      slot,
      {
        title: `start ${chosen.id} and prove it serves the cluster alone`,
        reason: 'From here on the API answers; with one voter the cluster tolerates no loss yet.',
      },
      [
        step(
          '4.1',
          'start-service',
          { service: chosen.service, target: chosen.id, role: 'recovery-host' },
          { needs: rewritten },
        ),
        step('4.2', 'wait-api', {}),
        step('4.3', 'check-endpoint', {}),
        step('4.4', 'prove-alone', {}, { yields: reached }),
        step('4.4', 'show-leftovers', {}),
        ...(running.length === 0
          ? []
          : [step('4.4', 'refresh-clients', { clients: running.map(clientOf) })]),
      ],
    ),
  );
}

function clientOf(host: Host): StepParams['refresh-clients']['clients'][number] {
  const { id, service, addresses, ports } = host;
  return { target: id, service, address: addresses[0], port: ports.api };
}

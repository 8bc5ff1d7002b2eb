// Setting -> the turns of guide phase 5: one script for each host that may have to be removed.

import type { Host } from '../hosts.ts';
import { type Setting, type Slot, slotsOf } from './setting.ts';
import { step, type TurnBody, turnBody } from './turn.ts';

/** On the recovery host, servers first, then clients (guide 5.1, 5.2). */
export function remove(setting: Setting): readonly TurnBody[] {
  const slots = slotsOf(setting, 'remove');
  const expected = slots.filter((slot) => slot.when === 'always').map(({ subject }) => subject);
  return slots.map((slot) => removal(setting, slot, expected));
}

function removal(setting: Setting, slot: Slot, expected: readonly Host[]): TurnBody {
  const { id: target, mode, service, addresses, ports } = slot.subject;
  const { servers, quorum } = setting;
  const together = expected.map((host) => host.id).filter((id) => id !== target);
  return turnBody(
    slot,
    { title: `remove the record of ${target}`, reason: reasonFor(setting, slot) },
    [
      // A server's service is at 0 since phase 1.
      ...(mode === 'client'
        ? [step('5.2', 'stop-services', { before: 'removal', services: [service] })]
        : []),
      step('5.1', 'state-threshold', {
        servers: servers.length,
        quorum: quorum.threshold,
        target: quorum.target,
      }),
      step('5.2', 'check-removable', { target, address: addresses[0], ports }),
      step('5.2', 'save-specs', { target }),
      step('5.2', 'update-databases', { target, together }),
      step('5.2', 'remove-record', { target }),
    ],
  );
}

function reasonFor({ recovery }: Setting, { subject, when }: Slot): string {
  if (subject.state === 'gone') return `${subject.id} is lost for good.`;
  if (subject.state === 'replaced') {
    return `A new machine takes the place of ${subject.id}: it joins as a new host.`;
  }
  if (when === 'always') {
    return recovery.rejoin === 'guide'
      ? 'The inventory asks for the procedure of the guide: every other server host is removed and joined.'
      : `${subject.id} has to be removed.`;
  }
  return subject.mode === 'server'
    ? 'Only if its own script says that it cannot be reattached, or it never returns.'
    : 'Only if the cluster no longer accepts its credentials, or it never returns.';
}

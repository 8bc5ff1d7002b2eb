// Setting -> the turns of guide phase 5: one script for each host that may have to be removed.

import type { Host } from './ir.ts';
import { type Setting, type Slot, slotsOf } from './setting.ts';
import { step } from './steps.ts';
import { type Draft, draft, probed } from './turn.ts';

/** On the recovery host, servers first, then clients (guide 5.1, 5.2). */
export function remove(setting: Setting): readonly Draft[] {
  const slots = slotsOf(setting, 'remove');
  const expected = slots.filter((slot) => slot.when === 'always').map(({ subject }) => subject);
  return slots.map((slot) => removal(setting, slot, expected));
}

function removal(setting: Setting, slot: Slot, expected: readonly Host[]): Draft {
  const { subject } = slot;
  const { servers, quorum } = setting;
  const answers = { needs: [{ fact: 'api-answers' }] } as const;
  const together = expected.filter((host) => host.id !== subject.id).map((host) => host.id);
  return draft(
    slot,
    { title: `remove the record of ${subject.id}`, reason: reasonOf(setting, slot) },
    [
      // A server's service is at 0 since phase 1.
      ...(subject.mode === 'client'
        ? [
            step(
              '5.2',
              'stop-services',
              { services: [subject.service] },
              {
                ...answers,
                reason: 'A host whose process still runs would write its record again.',
              },
            ),
          ]
        : []),
      step(
        '5.1',
        'state-threshold',
        { servers: servers.length, threshold: quorum.target },
        {
          reason: quorum.words,
        },
      ),
      step('5.2', 'check-removable', probed(subject), answers),
      step('5.2', 'save-specs', { target: subject.id }, answers),
      step('5.2', 'update-databases', { target: subject.id, together }, answers),
      step(
        '5.2',
        'remove-record',
        { target: subject.id },
        {
          ...answers,
          yields: [{ fact: 'record-removed', host: subject.id }],
        },
      ),
    ],
  );
}

function reasonOf({ recovery }: Setting, { subject, when }: Slot): string {
  if (subject.state === 'gone') return `${subject.id} is lost for good.`;
  if (subject.state === 'replaced') {
    return `A new machine takes the place of ${subject.id}: it joins as a new host.`;
  }
  if (when === 'always') {
    return recovery.rejoin === 'guide'
      ? 'The inventory asks for the way of the guide: every other server host is removed and joined.'
      : `${subject.id} has to be removed.`;
  }
  return subject.mode === 'server'
    ? 'Only if its own script says that it cannot be reattached, or it never returns.'
    : 'Only if the cluster no longer accepts its credentials, or it never returns.';
}

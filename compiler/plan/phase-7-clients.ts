// Setting -> the turns of guide phase 7: client hosts are looked after, or cleared and joined.

import { apiUrl } from './addresses.ts';
import type { Fact, Step } from './ir.ts';
import { joined, remoteOf } from './phase-6-rejoin.ts';
import { type Setting, type Slot, slotsOf } from './setting.ts';
import { step } from './steps.ts';
import { type Draft, draft, of } from './turn.ts';

/** Clients are Swarm workers: they clear on themselves, the manager does the rest (guide 7.1). */
export function clients(setting: Setting): readonly Draft[] {
  return slotsOf(setting, 'client-swarm', 'client', 'client-clear', 'client-join').map((slot) => {
    switch (slot.role) {
      case 'client-swarm':
        return enter(setting, slot);
      case 'client-clear':
        return clear(setting, slot);
      case 'client-join':
        return join(setting, slot);
      default:
        return look(setting, slot);
    }
  });
}

const quorate: readonly Fact[] = [{ fact: 'api-answers' }, { fact: 'quorum-reached' }];

/** After a total loss the Swarm is new, and the machine has to enter it first. */
function enter(setting: Setting, slot: Slot): Draft {
  return draft(
    slot,
    {
      title: `bring ${slot.subject.id} into the new Swarm`,
      reason: 'The Swarm was made anew, and a service runs only on machines of it.',
    },
    [
      step(
        '7.1a',
        'enter-swarm',
        { role: 'worker', remote: remoteOf(setting) },
        {
          yields: [of('in-swarm', slot.subject)],
        },
      ),
    ],
  );
}

function look(setting: Setting, slot: Slot): Draft {
  const { subject: host } = slot;
  const { cluster, total } = setting;
  return draft(
    slot,
    {
      title: `start client host ${host.id} if need be, and prove it is back`,
      reason:
        host.state === 'alive'
          ? `${host.id} survived: it is checked and left alone.`
          : `If ${host.id} is there with its credentials, a start is all it needs.`,
    },
    [
      ...(total ? [placed(slot, [of('in-swarm', host)])] : []),
      step(
        '7.1c',
        'start-client',
        { target: host.id, service: host.service, api: apiUrl(cluster.api, host) },
        { needs: quorate },
      ),
      step('7.1e', 'prove-client', { target: host.id }, { yields: [of('client-back', host)] }),
    ],
  );
}

function clear(setting: Setting, slot: Slot): Draft {
  const { subject: host } = slot;
  const enters = host.state === 'replaced';
  return draft(
    slot,
    {
      title: `clear ${host.id} to be joined anew`,
      reason: enters
        ? `${host.id} is a new machine: it enters the Swarm, and must hold no old state.`
        : `Only after the record of ${host.id} was removed in phase 5.`,
    },
    [
      ...(enters
        ? [
            step(
              '7.1a',
              'enter-swarm',
              { role: 'worker', remote: remoteOf(setting) },
              {
                yields: [of('in-swarm', host)],
              },
            ),
          ]
        : []),
      step(
        '7.1a',
        'stop-container',
        { service: host.service },
        {
          yields: [of('service-stopped', host)],
        },
      ),
      step(
        '7.1b',
        'clear-for-join',
        {},
        {
          needs: [of('service-stopped', host), of('record-removed', host)],
          yields: [of('state-set-aside', host)],
          reason:
            'Client hosts hold no etcd, but generated.config.json and three certificate files. ' +
            'instances/ is never touched.',
        },
      ),
    ],
  );
}

function join(setting: Setting, slot: Slot): Draft {
  const { subject: host } = slot;
  const replaced = host.state === 'replaced';
  return draft(
    slot,
    {
      title: `join client host ${host.id} to the cluster anew`,
      reason: `After ${host.id} was cleared; the recovery host is the manager that starts it.`,
    },
    [
      ...(replaced
        ? [
            placed(slot, [of('in-swarm', host)]),
            step(
              '7.1a',
              'retire-node',
              { service: host.service },
              {
                needs: [of('in-swarm', host)],
              },
            ),
          ]
        : []),
      step(
        '7.1c',
        'start-service',
        { service: host.service, target: host.id },
        {
          needs: [...quorate, of('state-set-aside', host)],
        },
      ),
      ...joined(setting, host, '7.1c', '7.1e'),
      step('7.1e', 'prove-client', { target: host.id }, { yields: [of('client-back', host)] }),
    ],
  );
}

function placed({ subject }: Slot, needs: readonly Fact[]): Step {
  const there = { service: subject.service, addresses: subject.addresses };
  return step('7.1a', 'place-service', there, { needs });
}

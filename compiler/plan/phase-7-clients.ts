// Setting -> the turns of guide phase 7: client hosts are looked after, or cleared and joined.

import { apiUrl, swarmAddress } from './addresses.ts';
import { joined } from './phase-6-rejoin.ts';
import { pathOf, type Setting, type Slot, slotsOf } from './setting.ts';
import { type OpenStep, step, type TurnBody, turnBody } from './turn.ts';

/** Clients are Swarm workers: they clear on themselves, the manager does the rest (guide 7.1). */
export function clients(setting: Setting): readonly TurnBody[] {
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

/** After a total loss the Swarm is new, and the machine has to enter it first. */
function enter(setting: Setting, slot: Slot): TurnBody {
  return turnBody(
    slot,
    {
      title: `bring ${slot.subject.id} into the new Swarm`,
      reason: 'The Swarm is new, and a service runs only on machines that are in it.',
    },
    [entering(setting)],
  );
}

function look(setting: Setting, slot: Slot): TurnBody {
  const { id: target, service, state } = slot.subject;
  const api = apiUrl(setting.cluster.api, slot.subject);
  const scripts = {
    removal: pathOf(setting, 'remove', target),
    clear: pathOf(setting, 'client-clear', target),
    join: pathOf(setting, 'client-join', target),
  };
  return turnBody(
    slot,
    {
      title: `start client host ${target} if needed, and prove it is back`,
      reason:
        state === 'alive'
          ? `${target} survived: it is checked and left alone.`
          : `If ${target} is there with its credentials, a start is all it needs.`,
    },
    [
      ...(setting.total ? [placed(slot)] : []),
      step('7.1c', 'start-client', { target, service, api, ...scripts }),
      step('7.1e', 'prove-client', { target }),
    ],
  );
}

function clear(setting: Setting, slot: Slot): TurnBody {
  const { id, service, state, mode } = slot.subject;
  const enters = state === 'replaced';
  return turnBody(
    slot,
    {
      title: `clear ${id} so that it can join again`,
      reason: enters
        ? `${id} is a new machine: it enters the Swarm, and must hold no old state.`
        : `Only after the record of ${id} was removed in phase 5.`,
    },
    [
      ...(enters ? [entering(setting)] : []),
      step('7.1a', 'stop-container', { service }),
      step('7.1b', 'clear-for-join', { mode, removal: pathOf(setting, 'remove', id) }),
    ],
  );
}

function join(setting: Setting, slot: Slot): TurnBody {
  const { id: target, service, state } = slot.subject;
  const clear = pathOf(setting, 'client-clear', target);
  return turnBody(
    slot,
    {
      title: `join client host ${target} to the cluster again`,
      reason: `After ${target} was cleared; the recovery host is the manager that starts it.`,
    },
    [
      ...(state === 'replaced' ? [placed(slot), step('7.1a', 'retire-node', { service })] : []),
      step('7.1c', 'start-service', { service, target, role: 'client' }),
      ...joined(setting, slot, clear, '7.1c', '7.1e'),
      step('7.1e', 'prove-client', { target }),
    ],
  );
}

function entering({ chosen }: Setting): OpenStep {
  return step('7.1a', 'enter-swarm', { role: 'worker', remote: swarmAddress(chosen) });
}

function placed({ subject: { service, addresses } }: Slot): OpenStep {
  return step('7.1a', 'place-service', { service, addresses });
}

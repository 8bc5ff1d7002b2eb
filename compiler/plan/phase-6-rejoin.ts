// Setting -> the turns of guide phase 6: server hosts come back, reattached or joined again.

import type { Host } from '../hosts.ts';
import { ofCluster } from '../steps/facts.ts';
import { apiUrl, swarmAddress } from './addresses.ts';
import type { GuideStep } from './ir.ts';
import {
  pathOf,
  rejoinSection,
  returns,
  type Setting,
  type Slot,
  slotOf,
  slotsOf,
} from './setting.ts';
import { type OpenStep, step, type TurnBody, turnBody } from './turn.ts';

/** One turn on each server host, strictly one after another (guide 6.1, and 6.2 as 6.1). */
export function rejoin(setting: Setting): readonly TurnBody[] {
  return slotsOf(setting, 'reattach', 'join').map((slot) =>
    slot.role === 'reattach' ? reattach(setting, slot) : join(setting, slot),
  );
}

/** The guide's letter within 6.1 for the hosts up to the target, within 6.2 for those after. */
function lettered(
  setting: Setting,
  host: Host,
): (letter: 'a' | 'b' | 'c' | 'e' | 'f') => GuideStep {
  const section = rejoinSection(setting, host.id);
  return (letter) => `${section}${letter}`;
}

/** For hosts with a disk: the record stays, only the etcd membership is renewed. */
function reattach(setting: Setting, slot: Slot): TurnBody {
  const { subject: host } = slot;
  const at = lettered(setting, host);
  const scripts = {
    removal: pathOf(setting, 'remove', host.id),
    join: pathOf(setting, 'join', host.id),
  };
  return turnBody(
    slot,
    { title: `reattach ${host.id}`, reason: reattachReason(setting, host) },
    [
      step(at('a'), 'return-to-swarm', {}),
      // In a new Swarm, or after another join, the machine has a node id that the service does not
      // know.
      step(at('a'), 'place-service', { service: host.service, addresses: [] }),
      step(at('a'), 'check-reattachable', scripts),
      ...ownStop(at('a'), host),
      step(at('b'), 'clear-for-reattach', {}),
      step(at('c'), 'drop-stale-member', {}),
      step(at('c'), 'start-reattached', {}),
      votes(setting, slot, at('f')),
    ],
    lastOfTarget(setting, host),
  );
}

function reattachReason(setting: Setting, host: Host): string {
  const after =
    rejoinSection(setting, host.id) === '6.2' ? ' The target is reached before it.' : '';
  switch (host.state) {
    case 'alive':
      return `${host.id} survived, but its old membership is void: it comes back as a lost host does.${after}`;
    case 'returning':
      return `${host.id} comes back with its disk: nothing of it has to be removed.${after}`;
    default:
      return `If ${host.id} comes back with its disk, this is its way; the script looks and says so if not.${after}`;
  }
}

/** For hosts whose record was removed in phase 5: the guide's way. */
function join(setting: Setting, slot: Slot): TurnBody {
  const { subject: host } = slot;
  const at = lettered(setting, host);
  const scripts = {
    removal: pathOf(setting, 'remove', host.id),
    reattach: slotOf(setting, 'reattach', host.id)?.path ?? null,
  };
  return turnBody(
    slot,
    { title: `join ${host.id} to the cluster again`, reason: joinReason(slot) },
    [
      ...swarmFor(setting, host, at('a')),
      step(at('a'), 'check-joinable', scripts),
      ...ownStop(at('a'), host),
      step(at('b'), 'clear-for-join', { mode: host.mode, removal: scripts.removal }),
      step(at('c'), 'drop-stale-member', {}),
      step(at('c'), 'start-service', { service: host.service, target: host.id, role: 'server' }),
      ...joined(setting, slot, slot.path, at('c'), at('e')),
      votes(setting, slot, at('f')),
    ],
    lastOfTarget(setting, host),
  );
}

function joinReason({ subject, when }: Slot): string {
  if (subject.state === 'replaced') {
    return `${subject.id} is a new machine: it has nothing to be reattached with.`;
  }
  return when === 'always'
    ? 'The inventory asks for the procedure of the guide.'
    : `Only after the record of ${subject.id} was removed in phase 5.`;
}

/** Into the Swarm: a replaced machine for the first time, any other again. */
function swarmFor({ chosen }: Setting, host: Host, guide: GuideStep): readonly OpenStep[] {
  const { service, state } = host;
  const placed = step(guide, 'place-service', { service, addresses: [] });
  if (state !== 'replaced') return [step(guide, 'return-to-swarm', {}), placed];
  return [
    step(guide, 'enter-swarm', { role: 'manager', remote: swarmAddress(chosen) }),
    placed,
    step(guide, 'retire-node', { service }),
  ];
}

function ownStop(guide: GuideStep, { service }: Host): readonly OpenStep[] {
  return [
    step(guide, 'stop-services', { before: 'return', services: [service] }),
    step(guide, 'stop-container', { service }),
  ];
}

/**
 * Wait for the API of a host without state, then the token and the join (guide 6.1c to e, 7.1).
 * `clear` is the path of the script that clears the host.
 */
export function joined(
  setting: Setting,
  { subject: host }: Slot,
  clear: string,
  waiting: GuideStep,
  joining: GuideStep,
): readonly OpenStep[] {
  const asked = { api: apiUrl(setting.cluster.api, host), target: host.id, clear };
  const removal = pathOf(setting, 'remove', host.id);
  return [
    step(waiting, 'wait-uninitialised', asked),
    step(joining, 'join-cluster', { ...asked, removal }),
  ];
}

/** guide 6.1f. The turn that brings the voters to the target yields the quorum. */
function votes({ quorum, servers }: Setting, { subject }: Slot, guide: GuideStep): OpenStep {
  const reached = subject.id === quorum.reachedBy ? [ofCluster('quorum-reached')] : [];
  const others = servers
    .filter((other) => other.id !== subject.id && other.state !== 'gone')
    .map((other) => other.id);
  return step(guide, 'prove-voter', { threshold: quorum.target, others }, { yields: reached });
}

/** Says it if no server host is left for guide 6.2. */
function lastOfTarget({ quorum, slots }: Setting, host: Host): TurnBody['omits'] {
  const last = returns(slots).length === quorum.target - 1 && host.id === quorum.reachedBy;
  return last ? [{ guide: '6.2', because: 'no server host is left after the target' }] : [];
}

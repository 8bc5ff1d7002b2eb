// Setting -> the turns of guide phase 6: server hosts come back, reattached or joined anew.

import { apiUrl, bracketed } from './addresses.ts';
import type { Fact, GuideStep, Host, Step } from './ir.ts';
import { rejoinSection, returns, type Setting, type Slot, slotOf, slotsOf } from './setting.ts';
import { step } from './steps.ts';
import { type Draft, draft, of } from './turn.ts';

/** The port on which Swarm managers accept nodes; Docker has no setting for it. */
const swarmPort = 2377;

/** One turn on each server host, strictly one after another (guide 6.1, and 6.2 as 6.1). */
export function rejoin(setting: Setting): readonly Draft[] {
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

/** For hosts with a disk: the record stays, only the etcd membership is made anew. */
function reattach(setting: Setting, slot: Slot): Draft {
  const { subject: host } = slot;
  const at = lettered(setting, host);
  const scripts = {
    removal: slotOf(setting, 'remove', host.id)?.path ?? '',
    join: slotOf(setting, 'join', host.id)?.path ?? '',
  };
  return draft(
    slot,
    { title: `reattach ${host.id}`, reason: reattachReason(setting, host) },
    [
      step(at('a'), 'return-to-swarm', {}, { yields: [of('in-swarm', host)] }),
      // A new Swarm knows the service only by the stack file, which names the old node.
      ...(setting.total ? [placed(at('a'), host)] : []),
      step(at('a'), 'check-reattachable', scripts, { needs: [{ fact: 'api-answers' }] }),
      ...ownStop(at('a'), host),
      step(
        at('b'),
        'clear-for-reattach',
        {},
        {
          needs: [of('service-stopped', host)],
          yields: [of('state-set-aside', host)],
        },
      ),
      step(at('c'), 'drop-stale-member', {}, { needs: [{ fact: 'api-answers' }] }),
      step(
        at('c'),
        'start-reattached',
        {},
        {
          needs: [of('in-swarm', host), of('state-set-aside', host)],
        },
      ),
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
function join(setting: Setting, slot: Slot): Draft {
  const { subject: host } = slot;
  const at = lettered(setting, host);
  const scripts = {
    removal: slotOf(setting, 'remove', host.id)?.path ?? '',
    reattach: slotOf(setting, 'reattach', host.id)?.path ?? null,
  };
  return draft(
    slot,
    { title: `join ${host.id} to the cluster anew`, reason: joinReason(slot) },
    [
      ...swarmFor(setting, host, at('a')),
      step(at('a'), 'check-joinable', scripts, {
        needs: [{ fact: 'api-answers' }, of('record-removed', host)],
      }),
      ...ownStop(at('a'), host),
      step(
        at('b'),
        'clear-for-join',
        {},
        {
          needs: [of('service-stopped', host), of('record-removed', host)],
          yields: [of('state-set-aside', host)],
        },
      ),
      step(at('c'), 'drop-stale-member', {}, { needs: [{ fact: 'api-answers' }] }),
      step(
        at('c'),
        'start-service',
        { service: host.service, target: host.id },
        {
          needs: [of('in-swarm', host), of('state-set-aside', host)],
        },
      ),
      ...joined(setting, host, at('c'), at('e')),
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
    ? 'The inventory asks for the way of the guide.'
    : `Only after the record of ${subject.id} was removed in phase 5.`;
}

/** Into the Swarm: a replaced machine for the first time, any other again. */
function swarmFor(setting: Setting, host: Host, guide: GuideStep): readonly Step[] {
  if (host.state !== 'replaced') {
    return [
      step(guide, 'return-to-swarm', {}, { yields: [of('in-swarm', host)] }),
      ...(setting.total ? [placed(guide, host)] : []),
    ];
  }
  return [
    step(
      guide,
      'enter-swarm',
      { role: 'manager', remote: remoteOf(setting) },
      {
        yields: [of('in-swarm', host)],
      },
    ),
    placed(guide, host),
    step(guide, 'retire-node', { service: host.service }, { needs: [of('in-swarm', host)] }),
  ];
}

function placed(guide: GuideStep, host: Host): Step {
  const here = { service: host.service, addresses: [] };
  return step(guide, 'place-service', here, { needs: [of('in-swarm', host)] });
}

/** Where a machine joins the Swarm: `10.0.0.1:2377` of the recovery host. */
export function remoteOf({ chosen }: Setting): string {
  return `${bracketed(chosen.addresses[0])}:${swarmPort}`;
}

function ownStop(guide: GuideStep, host: Host): readonly Step[] {
  return [
    step(
      guide,
      'stop-services',
      { services: [host.service] },
      {
        needs: [of('in-swarm', host)],
        reason: 'Its data are moved next; most often the service is at 0 since phase 1.',
      },
    ),
    step(
      guide,
      'stop-container',
      { service: host.service },
      {
        yields: [of('service-stopped', host)],
      },
    ),
  ];
}

/** Wait for the API of a host without state, then the token and the join (guide 6.1c to e, 7.1). */
export function joined(
  { cluster }: Setting,
  host: Host,
  waiting: GuideStep,
  joining: GuideStep,
): readonly Step[] {
  const told = { api: apiUrl(cluster.api, host), target: host.id };
  return [
    step(waiting, 'wait-uninitialised', told, { yields: [of('uninitialised', host)] }),
    step(joining, 'join-cluster', told, {
      needs: [of('uninitialised', host), of('record-removed', host), { fact: 'api-answers' }],
    }),
  ];
}

/** guide 6.1f. The turn that brings the voters to the target yields the quorum. */
function votes({ quorum }: Setting, slot: Slot, guide: GuideStep): Step {
  const host = slot.subject;
  const reaches = host.id === quorum.reachedBy;
  const yields: readonly Fact[] = [
    of('member-back', host),
    ...(reaches ? [{ fact: 'quorum-reached' } as const] : []),
  ];
  return step(guide, 'prove-voter', { threshold: quorum.target }, { yields });
}

/** Says it where no server host is left for guide 6.2. */
function lastOfTarget({ quorum, slots }: Setting, host: Host): Draft['omits'] {
  const last = returns(slots).length === quorum.target - 1 && host.id === quorum.reachedBy;
  return last ? [{ guide: '6.2', because: 'no server host is left after the target' }] : [];
}

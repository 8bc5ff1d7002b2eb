// Slot + words + steps -> a turn without its last lines, which depend on the turns after it.

import type { Fact, Host, HostFact, Probed, Step, Turn } from './ir.ts';
import type { Slot } from './setting.ts';

/** A turn before it is known what comes next. */
export type Draft = Omit<Turn, 'next'>;

/** A draft in its slot. Throws where no step is given: our own bug. */
export function draft(
  slot: Slot,
  words: { readonly title: string; readonly reason: string },
  steps: readonly Step[],
  omits: Draft['omits'] = [],
): Draft {
  return {
    path: slot.path,
    host: slot.host.id,
    subject: slot.subject.id,
    title: words.title,
    when: slot.when,
    reason: words.reason,
    steps: someSteps(steps),
    omits,
  };
}

/** The steps of a turn, of which there is at least one. Throws where there is none: our own bug. */
function someSteps(steps: readonly Step[]): readonly [Step, ...Step[]] {
  const [first, ...rest] = steps;
  if (first === undefined) throw new Error('a turn without steps');
  return [first, ...rest];
}

/** A fact about a host. */
export function of(fact: HostFact, host: Host): Fact {
  return { fact, host: host.id };
}

/** What a step must be told to probe another host's ports. */
export function probed(host: Host): Probed {
  const { api, etcdClient, etcdPeer } = host.ports;
  return { target: host.id, address: host.addresses[0], ports: { api, etcdClient, etcdPeer } };
}

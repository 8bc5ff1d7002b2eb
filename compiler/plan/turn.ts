// Slot + title + steps -> a turn without its last lines, which depend on the next turns.

import type { HostId } from '../hosts.ts';
import { factsOf, type StepKind, type StepParams, steps } from '../steps/all.ts';
import type { Fact } from '../steps/facts.ts';
import type { GuideStep, Step, Turn } from './ir.ts';
import type { Slot } from './setting.ts';

/** A turn before it is known what comes next. */
export type TurnBody = Omit<Turn, 'next'>;

/** A step of which only the host it is about is still open. */
export type OpenStep = (subject: HostId) => Step;

/** Where a turn lies, on which host it runs, and which one it is about. */
export type Place = Pick<TurnBody, 'path' | 'order' | 'role' | 'host' | 'subject' | 'when'>;

/** A step. `also` are facts that depend on the plan and not on the step alone. */
export function step<K extends StepKind>(
  guide: GuideStep,
  kind: K,
  params: StepParams[K],
  also: { readonly needs?: readonly Fact[]; readonly yields?: readonly Fact[] } = {},
): OpenStep {
  // Read as from a plan.json: what a reader would refuse is not written, and keys have one order.
  const given = steps[kind].params.parse(params);
  return (subject) => {
    const { needs, yields } = factsOf({ kind, params }, subject);
    const made = {
      kind,
      guide,
      params: given,
      needs: [...needs, ...(also.needs ?? [])],
      yields: [...yields, ...(also.yields ?? [])],
    };
    // A kind with its own params is a Step; the compiler cannot see it through the mapped union.
    return made as unknown as Step;
  };
}

/** A turn body in its slot. Throws if no step is given: our own bug. */
export function turnBody(
  slot: Slot,
  words: { readonly title: string; readonly reason: string },
  open: readonly OpenStep[],
  omits: TurnBody['omits'] = [],
): TurnBody {
  const { path, order, role, when } = slot;
  return bodyAt(
    { path, order, role, host: slot.host.id, subject: slot.subject.id, when },
    words,
    open,
    omits,
  );
}

/** A turn body anywhere. Throws if no step is given: our own bug. */
export function bodyAt(
  { path, order, role, host, subject, when }: Place,
  { title, reason }: { readonly title: string; readonly reason: string },
  open: readonly OpenStep[],
  omits: TurnBody['omits'] = [],
): TurnBody {
  const [first, ...rest] = open.map((make) => make(subject));
  if (first === undefined) throw new Error(`${path}: a turn without steps`);
  return { path, order, role, host, subject, title, when, reason, steps: [first, ...rest], omits };
}

// Turns -> the order they are run in, and the first step that would run before what it needs.

import type { Fact, Plan, Step, Turn } from './ir.ts';

/** A step and a fact it needs that no earlier step brings about. */
export interface BrokenNeed {
  readonly path: string;
  readonly step: Step;
  readonly fact: Fact;
}

/** A fact as a key: `service-stopped(host-2)`. */
export function factKey(fact: Fact): string {
  return 'host' in fact ? `${fact.fact}(${fact.host})` : fact.fact;
}

const orders = new WeakMap<Pick<Plan, 'phases'>, readonly Turn[]>();

/** The turns of the recovery in the order of execution: that of their paths, in bytes. */
export function executionOrder(plan: Pick<Plan, 'phases'>): readonly Turn[] {
  const known = orders.get(plan);
  if (known !== undefined) return known;
  const order = plan.phases
    .flatMap((phase) => [...phase.turns])
    .sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  orders.set(plan, order);
  return order;
}

/** Folds needs over yields; null where every step comes after all it needs. */
export function firstBrokenNeed(turns: readonly Turn[]): BrokenNeed | null {
  const known = new Set<string>();
  for (const turn of turns) {
    for (const step of turn.steps) {
      const fact = step.needs.find((need) => !known.has(factKey(need)));
      if (fact !== undefined) return { path: turn.path, step, fact };
      for (const fact of step.yields) known.add(factKey(fact));
    }
  }
  return null;
}

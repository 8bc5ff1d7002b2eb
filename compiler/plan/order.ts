// Plan -> its one index: hosts, order of scripts; and the first step that runs before what it needs.

import type { Host, HostId } from '../hosts.ts';
import type { Fact } from '../steps/facts.ts';
import type { Phase, Plan, Step, Turn } from './ir.ts';

/** A step and a fact that it needs but no earlier step provides. */
export interface BrokenNeed {
  readonly path: string;
  readonly step: Step;
  readonly fact: Fact;
}

/** A fact as a key: `service-stopped(host-2)`. */
export function factKey(fact: Fact): string {
  return 'host' in fact ? `${fact.fact}(${fact.host})` : fact.fact;
}

/** The turns of the recovery in the order of execution, expected and if-needed ones together. */
export function executionOrder(plan: Plan): readonly Turn[] {
  return indexOf(plan).order;
}

/** Compares by the place in the order of execution. */
export function byOrder(a: Pick<Turn, 'order'>, b: Pick<Turn, 'order'>): number {
  return (a.order ?? 0) - (b.order ?? 0);
}

/** `phase 6, Bring server hosts back`. */
export function phaseWords({ phase: { number, title } }: Pick<Place, 'phase'>): string {
  return `phase ${number}, ${title}`;
}

/** Where a script of the recovery belongs; null for one outside it. */
export function placeOf(plan: Plan, path: string): Place | null {
  return indexOf(plan).places.get(path) ?? null;
}

/**
 * The first path that does not sort in the order of execution within its folder, or whose place is not
 * the next one; null if there is none. Operators rely on the order in which files are listed.
 */
export function misplaced(plan: Plan): string | null {
  const last = new Map<string, string>();
  for (const [rank, { path, order, when }] of executionOrder(plan).entries()) {
    if (order !== rank + 1 || path <= (last.get(when) ?? '')) return path;
    last.set(when, path);
  }
  return null;
}

/** The turns about a host, in the order of execution. */
export function turnsAbout(plan: Plan, subject: HostId): readonly Turn[] {
  return indexOf(plan).bySubject.get(subject) ?? [];
}

/** The host of that id. Throws if the plan does not know it: our own bug. */
export function hostOf(plan: Plan, id: HostId): Host {
  const host = indexOf(plan).hosts.get(id);
  if (host === undefined) throw new Error(`the plan has no host ${id}`);
  return host;
}

/** The place of a script in the recovery. */
export interface Place {
  readonly phase: Phase;
  /** Counted from 0, over expected and if-needed scripts. */
  readonly rank: number;
  /** The expected scripts just before and just after it; null if there is none. */
  readonly after: string | null;
  readonly before: string | null;
}

interface Index {
  readonly hosts: ReadonlyMap<HostId, Host>;
  readonly order: readonly Turn[];
  readonly places: ReadonlyMap<string, Place>;
  readonly bySubject: ReadonlyMap<HostId, readonly Turn[]>;
}

// A cluster of a thousand hosts has thousands of scripts, and each asks.
const indexes = new WeakMap<Plan, Index>();

function indexOf(plan: Plan): Index {
  const known = indexes.get(plan);
  if (known !== undefined) return known;
  const order = plan.phases.flatMap((phase) => [...phase.turns]).sort(byOrder);
  const index = {
    hosts: new Map(plan.cluster.hosts.map((host) => [host.id, host])),
    order,
    places: placesIn(plan, order),
    bySubject: groupBy(order, ({ subject }) => subject),
  };
  indexes.set(plan, index);
  return index;
}

function placesIn(plan: Plan, order: readonly Turn[]): ReadonlyMap<string, Place> {
  const phases = new Map(
    plan.phases.flatMap((phase) => phase.turns.map(({ path }) => [path, phase] as const)),
  );
  const expected = order.filter(({ when }) => when === 'always').map(({ path }) => path);
  const places = new Map<string, Place>();
  let passed = 0;
  for (const [rank, { path, when }] of order.entries()) {
    const phase = phases.get(path);
    if (phase === undefined) throw new Error(`${path} is in no phase`);
    const after = expected[passed - 1] ?? null;
    if (when === 'always') passed += 1;
    places.set(path, { phase, rank, after, before: expected[passed] ?? null });
  }
  return places;
}

/** The items by a key of each, in their order. */
export function groupBy<T>(
  items: readonly T[],
  keyOf: (item: T) => string,
): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return groups;
}

/** Folds needs over yields; null if every step comes after all it needs. */
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

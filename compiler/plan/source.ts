// Plan -> the inventory that it states, and whether this compiler would make the same plan of it.

import type { Diagnostic } from '../diagnostic.ts';
import { parse } from '../inventory/parse.ts';
import { assess, namedBecause, recoveryCandidates } from '../quorum.ts';
import { build } from './build.ts';
import { canonical, digest } from './digest.ts';
import type { Plan } from './ir.ts';

/** What a plan states and its values do not give. */
export interface Contradictions {
  /** Values that break a rule of the inventory. */
  readonly rules: readonly Diagnostic[];
  /** Places in the plan, such as `phases[0].turns[0].steps[2].params.hosts`. */
  readonly places: readonly string[];
}

/**
 * Compiles the values of a plan again. A plan holds everything that the compiler knew, so a plan that
 * was not edited comes out the same; and the values are held to the rules of an inventory.
 */
export function contradictions(plan: Plan): Contradictions {
  const parsed = parse(sourceOf(plan), 'plan.json');
  if (!parsed.ok) {
    const rules = parsed.diagnostics.filter(({ severity }) => severity === 'error');
    return { rules, places: [] };
  }
  const { inventory } = parsed;
  const choice = recoveryCandidates(inventory).find(({ host }) => host === plan.recovery.host);
  if (choice === undefined) return { rules: [], places: ['recovery.host'] };
  const { digest: _, ...again } = build(inventory, assess(inventory), choice);
  const { digest: __, ...given } = plan;
  return { rules: [], places: differences(given, { ...again, ...carriedOf(plan) }) };
}

/** What is in a plan and does not come from its inventory: who compiled it, and the tools. */
function carriedOf({ compiler, tools }: Plan) {
  return tools === undefined ? { compiler } : { compiler, tools };
}

/** Whether a plan was compiled from the inventory of this text, perhaps with `--lost`. */
export function belongsTo(plan: Plan, text: string, file: string): boolean {
  const lost = plan.cluster.hosts.filter(({ state }) => state === 'lost').map(({ id }) => id);
  const parsed = parse(text, file, lost);
  return parsed.ok && digest(parsed.inventory) === plan.inventory;
}

/** The text of an inventory with the values of the plan. */
function sourceOf({ cluster, recovery }: Plan): string {
  const { name, notes, stack, stackFile, dockerSocket, api, hosts } = cluster;
  const { host, chosen, because, revisionBump, toolsDirectory, ...asked } = recovery;
  const named = chosen === 'named';
  return JSON.stringify({
    cluster: name,
    notes,
    swarm: { stack, stackFile, dockerSocket },
    api,
    hosts,
    recovery: {
      ...asked,
      host: named ? host : null,
      because: named && because !== namedBecause ? because : null,
      revisionBump: revisionBump ?? 'none',
      tools: { directory: toolsDirectory },
    },
  });
}

/** Where two JSON values differ, in their order. */
function differences(a: unknown, b: unknown, place = ''): readonly string[] {
  if (canonical(a) === canonical(b)) return [];
  const [left, right] = [membersOf(a), membersOf(b)];
  if (left === null || right === null || Array.isArray(a) !== Array.isArray(b)) return [place];
  const keys = [...new Set([...left.keys(), ...right.keys()])];
  return keys.flatMap((key) => {
    const inner = Array.isArray(a)
      ? `${place}[${key}]`
      : `${place === '' ? '' : `${place}.`}${key}`;
    if (!left.has(key) || !right.has(key)) return [inner];
    return differences(left.get(key), right.get(key), inner);
  });
}

function membersOf(value: unknown): ReadonlyMap<string, unknown> | null {
  return typeof value === 'object' && value !== null ? new Map(Object.entries(value)) : null;
}

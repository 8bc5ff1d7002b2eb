// A few words -> a minimal legal inventory, parsed as any other.

import { planAll } from '../../compiler/compile.ts';
import type { Host, HostState } from '../../compiler/hosts.ts';
import { parse } from '../../compiler/inventory/parse.ts';
import type { Inventory } from '../../compiler/inventory/schema.ts';
import type { Plan, Turn } from '../../compiler/plan/ir.ts';
import { executionOrder } from '../../compiler/plan/order.ts';

/** States of server hosts s-1, s-2 ..., and of client hosts c-1, c-2 ...; `-` is not declared. */
export interface World {
  readonly servers: readonly (HostState | '-')[];
  readonly clients?: readonly (HostState | '-')[];
  readonly recovery?: Readonly<Record<string, unknown>>;
  readonly swarm?: Readonly<Record<string, unknown>>;
}

/** The text of such an inventory, its hosts in the order given by `arrange`. */
export function inventoryText(
  world: World,
  arrange: <T>(hosts: readonly T[]) => readonly T[] = (hosts) => hosts,
): string {
  const host = (mode: Host['mode'], net: number) => (state: HostState | '-', index: number) => ({
    id: `${mode.charAt(0)}-${index + 1}`,
    addresses: [`10.0.${net}.${index + 1}`],
    mode,
    ...(state === '-' ? {} : { state }),
  });
  const hosts = [
    ...world.servers.map(host('server', 1)),
    ...(world.clients ?? []).map(host('client', 2)),
  ];
  const { recovery = {}, swarm = {} } = world;
  return JSON.stringify({ cluster: 'acme', swarm, recovery, hosts: arrange(hosts) }, null, 2);
}

/** The inventory of a world. Throws where it is refused. */
export function inventoryOf(world: World): Inventory {
  const parsed = parse(inventoryText(world), 'world.json');
  if (!parsed.ok) throw new Error(parsed.diagnostics.map(({ what }) => what).join('; '));
  return parsed.inventory;
}

/** The first plan of a world. */
export function planOf(world: World): Plan {
  const [plan] = planAll(inventoryOf(world));
  if (plan === undefined) throw new Error('no plan');
  return plan;
}

/** The turn at a path. Throws where there is none. */
export function turnAt(plan: Plan, path: string): Turn {
  const turn = [...executionOrder(plan), ...plan.asides].find((each) => each.path === path);
  if (turn === undefined) throw new Error(`no turn ${path}`);
  return turn;
}

/** `path kind kind ...` of a turn, with `?` before the path of an if-needed script. */
export function shortly(turn: Turn): string {
  const kinds = turn.steps.map((step) => step.kind).join(' ');
  return `${turn.when === 'if-needed' ? '?' : ''}${turn.path}: ${kinds}`;
}

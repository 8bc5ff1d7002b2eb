// Turns the hosts of an inventory into the quorum arithmetic, its verdict, and the recovery host.

import * as z from 'zod';
import { compareHosts, type Host, id, line, type ValueOf } from './hosts.ts';

/** What the arithmetic needs to know about a host. */
export type Voter = Pick<Host, 'id' | 'mode' | 'state'>;

/** What the choice of a recovery host needs to know. */
interface Choosable {
  readonly hosts: readonly Voter[];
  readonly recovery: { readonly host: string | null; readonly because?: string };
}

/** The arithmetic over server hosts; ids in natural order. */
export const quorumObject = z.strictObject({
  servers: z.array(id),
  /** Server hosts in any state but alive. */
  lost: z.array(id),
  alive: z.array(id),
  /** floor(N/2)+1: votes needed to write, and after a recovery the target for redundancy. */
  threshold: z.int(),
  /** Lost when alive < threshold; unknown before an incident, when no state is declared. */
  verdict: z.enum(['lost', 'kept', 'unknown']),
  /** Such as `N=5, quorum 3; lost 3, alive 2 < 3: lost`. */
  words: line,
});
export type Quorum = ValueOf<typeof quorumObject>;

/**
 * How the recovery host was chosen. named: in the inventory. only: no other server host is alive. order:
 * the first of several, without knowing what they hold. replaced: none is alive. each: one of the bundles
 * for every server host.
 */
export const recoveryChosen = z.enum(['named', 'only', 'order', 'replaced', 'each']);

/** A recovery host, and why it is that one. */
export interface RecoveryChoice {
  readonly host: string;
  readonly chosen: z.output<typeof recoveryChosen>;
  readonly because: string;
}

/** Why a host is the recovery host, if the inventory names it and gives no other reason. */
export const namedBecause = 'named in the inventory';

/** Votes needed of so many members: floor(N/2)+1 (guide 5.1). */
export function threshold(members: number): number {
  return Math.floor(members / 2) + 1;
}

/** Whether the inventory says what became of its hosts; if not, it is from before an incident. */
export function isDeclared(inventory: { readonly hosts: readonly Voter[] }): boolean {
  return inventory.hosts.some(({ state }) => state !== null);
}

/** The arithmetic for an inventory. Client hosts do not count. */
export function assess(inventory: { readonly hosts: readonly Voter[] }): Quorum {
  const servers = sorted(inventory.hosts).filter(({ mode }) => mode === 'server');
  const alive = servers.filter(isAlive);
  const lost = servers.filter((host) => !isAlive(host));
  const votes = threshold(servers.length);
  const sum = `N=${servers.length}, quorum ${votes}`;
  const counted = { servers: ids(servers), lost: ids(lost), alive: ids(alive), threshold: votes };
  if (!isDeclared(inventory)) {
    const words = `${sum}; no losses declared, lost with ${servers.length - votes + 1} or more`;
    return { ...counted, verdict: 'unknown', words };
  }
  const verdict = alive.length < votes ? 'lost' : 'kept';
  const relation = verdict === 'lost' ? '<' : '>=';
  const words = `${sum}; lost ${lost.length}, alive ${alive.length} ${relation} ${votes}: ${verdict}`;
  return { ...counted, verdict, words };
}

/**
 * The recovery host (guide 2.1): the one named, else the first server host that is alive, else the
 * first that was replaced by a new machine; ids in natural order. Null where there is none.
 */
export function chooseRecovery(inventory: Choosable): RecoveryChoice | null {
  const { host: named, because = namedBecause } = inventory.recovery;
  if (named !== null) return { host: named, chosen: 'named', because };
  const servers = sorted(inventory.hosts).filter(({ mode }) => mode === 'server');
  const alive = servers.filter(isAlive);
  const replaced = servers.filter(({ state }) => state === 'replaced');
  const [first] = alive.length > 0 ? alive : replaced;
  if (first === undefined) return null;
  const host = first.id;
  if (alive.length === 0) {
    return {
      host,
      chosen: 'replaced',
      because:
        'no server host is alive; the first that a new machine replaces, in the order of ids',
    };
  }
  return alive.length === 1
    ? { host, chosen: 'only', because: 'the only server host that is alive' }
    : {
        host,
        chosen: 'order',
        because: `the first server host that is alive, in the order of ids, ${unknown}`,
      };
}

/** What must be said of a host that was chosen by order. */
const unknown = 'and not by what it holds; run triage.sh on each host to compare what they hold';

/**
 * The recovery hosts to make a bundle for: the chosen one where losses are declared; before an
 * incident every server host, or the one named.
 */
export function recoveryCandidates(inventory: Choosable): readonly RecoveryChoice[] {
  if (isDeclared(inventory) || inventory.recovery.host !== null) {
    const choice = chooseRecovery(inventory);
    return choice === null ? [] : [choice];
  }
  return assess(inventory).servers.map((host) => ({
    host,
    chosen: 'each',
    because: 'one of the server hosts; which one is decided at the incident',
  }));
}

function isAlive({ state }: Voter): boolean {
  return state === null || state === 'alive';
}

function sorted(hosts: readonly Voter[]): readonly Voter[] {
  return [...hosts].sort(compareHosts);
}

function ids(hosts: readonly Voter[]): readonly string[] {
  return hosts.map(({ id }) => id);
}

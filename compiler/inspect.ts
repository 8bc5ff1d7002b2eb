// An inventory -> what can be said about it without a plan: whether it is valid, and its quorum.

import { inputName, readInput } from './bundle/text.ts';
import type { Code } from './codes.ts';
import { asErrors, type Diagnostic, hasErrors } from './diagnostic.ts';
import { parse } from './inventory/parse.ts';
import type { Inventory } from './inventory/schema.ts';
import { assess, chooseRecovery, type Quorum } from './quorum.ts';

/** What was found. `exit`: 0 valid, 1 problems, 2 could not read it. */
export interface Inspection<Result> {
  readonly exit: 0 | 1 | 2;
  readonly diagnostics: readonly Diagnostic[];
  readonly sources: ReadonlyMap<string, string>;
  readonly result: Result | null;
}

/** A valid inventory in figures. */
export interface Validity {
  readonly file: string;
  readonly cluster: string;
  readonly servers: number;
  readonly clients: number;
  readonly quorum: string;
}

/** Whether an inventory can be compiled. */
export async function validate(
  given: string,
  lost: readonly string[],
  strict: boolean,
): Promise<Inspection<Validity>> {
  const file = inputName(given);
  return inspect(given, lost, strict, new Set(), (inventory) => {
    const { servers, words } = assess(inventory);
    const clients = inventory.hosts.length - servers.length;
    return { file, cluster: inventory.cluster, servers: servers.length, clients, quorum: words };
  });
}

/** The arithmetic, and what follows from it. */
export interface QuorumReport extends Quorum {
  /** How many more server hosts can be lost before the quorum is; null if it is lost. */
  readonly spare: number | null;
  /** Where a recovery would start, if the quorum is lost and a host is known. */
  readonly recoveryHost: string | null;
}

/** Problems that concern a recovery and not the arithmetic. */
const ofRecovery: ReadonlySet<Code> = new Set([
  ...(['INV028', 'INV032', 'INV034', 'INV035', 'INV036', 'INV037'] as const),
  ...(['INV038', 'INV039', 'INV040', 'INV041'] as const),
  ...(['INV050', 'INV051', 'INV052', 'INV053'] as const),
]);

/** The quorum arithmetic of an inventory, also if no recovery is possible or needed. */
export async function quorumOf(
  file: string,
  lost: readonly string[],
): Promise<Inspection<QuorumReport>> {
  return inspect(file, lost, false, ofRecovery, (inventory) => {
    const quorum = assess(inventory);
    const isLost = quorum.verdict === 'lost';
    const chosen = isLost ? chooseRecovery(inventory)?.host : undefined;
    const host = inventory.hosts.find(({ id }) => id === chosen);
    return {
      ...quorum,
      spare: isLost ? null : quorum.alive.length - quorum.threshold,
      recoveryHost: host?.state === 'alive' || host?.state === 'replaced' ? host.id : null,
    };
  });
}

async function inspect<Result>(
  given: string,
  lost: readonly string[],
  strict: boolean,
  irrelevant: ReadonlySet<Code>,
  of: (inventory: Inventory) => Result,
): Promise<Inspection<Result>> {
  const file = inputName(given);
  const text = await readInput(given);
  if (typeof text !== 'string') {
    return { exit: 2, diagnostics: [text], sources: new Map(), result: null };
  }
  const sources = new Map([[file, text]]);
  const parsed = parse(text, file, lost, irrelevant);
  const diagnostics = strict ? asErrors(parsed.diagnostics) : parsed.diagnostics;
  if (!parsed.ok || hasErrors(diagnostics)) return { exit: 1, diagnostics, sources, result: null };
  return { exit: 0, diagnostics, sources, result: of(parsed.inventory) };
}

// Bash -> changes that do not go through mutate, and so would happen in a run that only looks.

import { literalOf, type Place, type Reading } from './bash.ts';
import { changeBy, isScratch } from './changes.ts';
import { isWrapped, ownersOf, type Run, runners } from './commands.ts';
import type { Finding } from './findings.ts';

/** What a function may do outside of mutate. */
interface Exception {
  /** Names of commands; `>` is a redirection, `?` a command that is known only at run time. */
  readonly runs: readonly string[];
  readonly because: string;
}

/** Exceptions by function. */
export type Exceptions = Readonly<Record<string, Exception>>;

/** Changes that can happen without mutate. What an exception allows is reported to `used`. */
export function changesOutside(
  readings: readonly Reading[],
  runs: readonly Run[],
  exceptions: Exceptions,
  used: (exception: string, runs: string) => void = () => {},
): readonly Finding[] {
  const functions = new Set(readings.flatMap((reading) => reading.functions));
  const free = freeFunctions(readings, runs, functions);
  const findings: Finding[] = [];
  const report = (place: Place, by: string, what: string) => {
    const { within } = place;
    if (within !== null && free.has(within)) return;
    if (within !== null && exceptions[within]?.runs.includes(by)) used(within, by);
    else findings.push({ rule: 'change', place, what });
  };
  for (const run of runs) {
    const change = run.gated || isWrapped(run) || isRunner(run) ? null : changeBy(run, functions);
    if (change !== null) report(run, run.name ?? '?', `outside mutate: ${change}`);
  }
  for (const place of writesOf(readings))
    report(place, '>', `writes outside mutate: ${place.target}`);
  return findings;
}

/** What a runner is given is judged wherever it is called. */
function isRunner({ name, within }: Run): boolean {
  return name === null && within !== null && within in runners;
}

/**
 * Functions that may change something, because only mutate or another of them calls them. A function
 * is called by its bare name, so each word that is the name of a function counts as a call.
 */
function freeFunctions(
  readings: readonly Reading[],
  runs: readonly Run[],
  functions: ReadonlySet<string>,
): ReadonlySet<string> {
  const callers = new Map<string, { readonly by: string | null; readonly gated: boolean }[]>();
  const call = (name: string | null, by: string | null, gated: boolean) => {
    if (name === null || !functions.has(name)) return;
    const known = callers.get(name);
    if (known === undefined) callers.set(name, [{ by, gated }]);
    else known.push({ by, gated });
  };
  for (const { name, args, gated, within } of runs) {
    call(name, within, gated);
    for (const { text } of args) call(text, within, gated || name === 'mutate');
  }
  for (const { values, within } of readings.flatMap(({ assignments }) => assignments)) {
    for (const word of values ?? []) call(literalOf(word), within, false);
  }
  const free = new Set<string>();
  for (let before = -1; before < free.size; ) {
    before = free.size;
    for (const [name, calls] of callers) {
      // A call of itself runs nothing new.
      const others = calls.filter(({ by }) => by !== name);
      const all = others.every(({ by, gated }) => gated || (by !== null && free.has(by)));
      if (all && others.length > 0) free.add(name);
    }
  }
  return free;
}

/** Redirections to a file that is not in the scratch directory. */
function writesOf(readings: readonly Reading[]): readonly (Place & { readonly target: string })[] {
  const isKept = scratchNames(readings);
  return readings.flatMap(({ redirects }) =>
    redirects.flatMap(({ node, ...place }) => {
      const { operator, target } = node;
      if (operator === '<' || operator === '<&' || target === undefined) return [];
      const text = literalOf(target);
      if (operator === '>&' && /^([0-9]+|-)$/u.test(text ?? '')) return [];
      if (text === '/dev/null' || /^"?\/dev\/tcp\//u.test(target.text)) return [];
      if (isScratch(target.text)) return [];
      const name = /^"?\$\{([a-z_]+)\}"?$/u.exec(target.text)?.[1];
      return name !== undefined && isKept(name, place.within)
        ? []
        : [{ ...place, target: target.text }];
    }),
  );
}

/** Variables that only name files in the scratch directory. */
function scratchNames(
  readings: readonly Reading[],
): (name: string, within: string | null) => boolean {
  const owner = ownersOf(readings);
  const names = new Map<string, boolean>();
  for (const { name, within, values } of readings.flatMap(({ assignments }) => assignments)) {
    const key = owner(name, within);
    if (values?.length === 0) continue;
    const inScratch = values?.every((word) => isScratch(word.text)) === true;
    names.set(key, inScratch && names.get(key) !== false);
  }
  return (name, within) => names.get(owner(name, within)) === true;
}

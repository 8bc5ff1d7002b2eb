// Turns what is wrong into a Diagnostic, and a Diagnostic into lines for people or into data.

import { type Code, codes, type Severity } from './codes.ts';

/** A place in a text; both count from 1, columns in UTF-16 units as editors do. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** One finding. Line and column are both null where no place in the file is meant. */
export interface Diagnostic {
  readonly code: Code;
  readonly severity: Severity;
  readonly file: string;
  readonly line: number | null;
  readonly column: number | null;
  /** What is wrong, in one line. */
  readonly what: string;
  /** Why that is a problem. */
  readonly why: string;
  /** What to do about it. */
  readonly remedy: string;
}

/** A finding of the catalogue's severity, at a place in a file or (null) about it as a whole. */
export function diagnostic(
  code: Code,
  at: { readonly file: string; readonly position: Position | null },
  words: Pick<Diagnostic, 'what' | 'why' | 'remedy'>,
): Diagnostic {
  return {
    code,
    severity: codes[code].severity,
    file: at.file,
    line: at.position?.line ?? null,
    column: at.position?.column ?? null,
    what: words.what,
    why: words.why,
    remedy: words.remedy,
  };
}

/** Whether any of them makes the answer "no". */
export function hasErrors(diagnostics: readonly Diagnostic[]): boolean {
  return diagnostics.some(({ severity }) => severity === 'error');
}

/** The same findings in the order of their places, each said once. */
export function sortDiagnostics(diagnostics: readonly Diagnostic[]): readonly Diagnostic[] {
  const said = new Map(diagnostics.map((each) => [JSON.stringify(each), each]));
  return [...said.values()].sort(
    (a, b) =>
      compare(a.file, b.file) ||
      (a.line ?? 0) - (b.line ?? 0) ||
      (a.column ?? 0) - (b.column ?? 0) ||
      compare(a.code, b.code) ||
      compare(a.what, b.what),
  );
}

/**
 * The text form: `file:line:column error CODE what`, then why and what to do, indented.
 * Every line ends in a line feed. Control characters of the input are shown, never passed on.
 */
export function formatDiagnostics(
  diagnostics: readonly Diagnostic[],
  options: { readonly colour: boolean },
): string {
  return diagnostics.map((each) => format(each, options.colour)).join('');
}

/** The JSON form: the diagnostics as they are, one array, ending in a line feed. */
export function diagnosticsJson(diagnostics: readonly Diagnostic[]): string {
  return `${JSON.stringify(diagnostics, null, 2)}\n`;
}

function format(given: Diagnostic, colour: boolean): string {
  const place = given.line === null ? given.file : `${given.file}:${given.line}:${given.column}`;
  const paint = (style: keyof typeof styles, text: string) =>
    colour ? `${styles[style]}${text}${styles.plain}` : text;
  return [
    `${paint('strong', visible(place))} ${paint(given.severity, given.severity)} ` +
      `${given.code} ${visible(given.what)}`,
    `  why: ${visible(given.why)}`,
    `  do:  ${visible(given.remedy)}`,
    '',
  ].join('\n');
}

const styles = {
  strong: '\u001b[1m',
  error: '\u001b[31m',
  warning: '\u001b[33m',
  plain: '\u001b[0m',
} as const;

// What a person wrote is quoted in messages; a terminal must not obey it.
function visible(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, (character) => {
    return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
  });
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/**
 * The candidate a misspelt word most likely means, by edit distance (swapped neighbours count one,
 * case counts nothing); null if none is near. The first of several equally near ones wins.
 */
export function nearest(word: string, candidates: readonly string[]): string | null {
  if (word.length > 64) return null;
  let best: { readonly candidate: string; readonly distance: number } | null = null;
  for (const candidate of candidates) {
    const limit = Math.max(1, Math.floor(Math.min(word.length, candidate.length) / 3));
    if (Math.abs(word.length - candidate.length) > limit) continue;
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance <= limit && distance < (best?.distance ?? Number.POSITIVE_INFINITY)) {
      best = { candidate, distance };
    }
  }
  return best?.candidate ?? null;
}

function editDistance(a: string, b: string): number {
  let before: readonly number[] = [];
  let above: readonly number[] = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1];
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row.push(
        Math.min(
          (above[j] ?? 0) + 1,
          (row[j - 1] ?? 0) + 1,
          (above[j - 1] ?? 0) + (same ? 0 : 1),
          swapped ? (before[j - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY,
        ),
      );
    }
    before = above;
    above = row;
  }
  return above[b.length] ?? 0;
}

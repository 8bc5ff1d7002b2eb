// A problem -> a Diagnostic -> lines for people, or data.

import { visible } from './characters.ts';
import { type Code, codes, type Severity } from './codes.ts';
import { editDistance } from './distance.ts';
import { excerpt } from './excerpt.ts';

/** A position in a text. Both count from 1; columns are UTF-16 units, as in editors. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** A part of a text. `end` is the position after its last character. */
export interface Span extends Position {
  readonly end: Position;
}

/** One finding. The four numbers are all null if it has no position in the file. */
export interface Diagnostic {
  readonly code: Code;
  readonly severity: Severity;
  readonly file: string;
  readonly line: number | null;
  readonly column: number | null;
  /** The position after the last character. Without a known end, that of the first character. */
  readonly endLine: number | null;
  readonly endColumn: number | null;
  /** What is wrong, in one line. */
  readonly what: string;
  /** Why that is a problem. */
  readonly why: string;
  /** What to do about it. */
  readonly remedy: string;
}

/** A finding with the severity of its code, at a position in a file or about the file (null). */
export function diagnostic(
  code: Code,
  at: { readonly file: string; readonly position: Position | Span | null },
  words: Pick<Diagnostic, 'what' | 'why' | 'remedy'>,
): Diagnostic {
  const { position } = at;
  const end = position !== null && 'end' in position ? position.end : position;
  return {
    code,
    severity: codes[code].severity,
    file: at.file,
    line: position?.line ?? null,
    column: position?.column ?? null,
    endLine: end?.line ?? null,
    endColumn: end?.column ?? null,
    what: words.what,
    why: words.why,
    remedy: words.remedy,
  };
}

/** Whether any of them is an error. */
export function hasErrors(diagnostics: readonly Diagnostic[]): boolean {
  return diagnostics.some(({ severity }) => severity === 'error');
}

/** The findings, with warnings counted as errors. Notes stay notes. */
export function asErrors(diagnostics: readonly Diagnostic[]): readonly Diagnostic[] {
  return diagnostics.map((each) =>
    each.severity === 'warning' ? { ...each, severity: 'error' } : each,
  );
}

/** At most so many findings, in their order: of more, errors before warnings before notes. */
export function firstOf(diagnostics: readonly Diagnostic[], most: number): readonly Diagnostic[] {
  if (diagnostics.length <= most) return diagnostics;
  const ranks = { error: 0, warning: 1, note: 2 } as const;
  const shown = [0, 1, 2].flatMap((rank) =>
    diagnostics.filter((each) => ranks[each.severity] === rank),
  );
  const kept = new Set(shown.slice(0, most));
  return diagnostics.filter((each) => kept.has(each));
}

/** The findings ordered by position, without duplicates. */
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

/** How diagnostics are written for people. */
export interface TextForm {
  readonly colour: boolean;
  /** Texts of files that diagnostics are about, by the name of the file: their lines are shown. */
  readonly sources?: ReadonlyMap<string, string>;
}

/**
 * The text form: `file:line:column: error[CODE]: what`, the line of the file with a caret under the
 * value, then why and what to do, indented, and an empty line. Every line ends in a line feed.
 * Characters without a glyph are shown as escapes.
 */
export function formatDiagnostics(diagnostics: readonly Diagnostic[], form: TextForm): string {
  return diagnostics.map((each) => format(each, form)).join('');
}

function format(given: Diagnostic, form: TextForm): string {
  const { file, line, column, severity, code } = given;
  const place = line === null ? file : `${file}:${line}:${column}`;
  const paint = (style: keyof typeof styles, text: string) =>
    form.colour ? `${styles[style]}${text}${styles.plain}` : text;
  const shown = sourceOf(given, form.sources);
  const number = String(line ?? '');
  const gutter = (text: string) => paint('faint', `${text.padStart(number.length + 2)} |`);
  return [
    `${paint('strong', `${visible(place)}:`)} ${paint(severity, `${severity}[${code}]`)}: ` +
      paint('strong', visible(given.what)),
    ...(shown === null
      ? []
      : [
          `${gutter(number)} ${shown[0]}`.trimEnd(),
          `${gutter('')} ${shown[1].replace(/\^+/u, (carets) => paint(severity, carets))}`,
        ]),
    `  why: ${visible(given.why)}`,
    `  do:  ${visible(given.remedy)}`,
    '',
    '',
  ].join('\n');
}

function sourceOf(given: Diagnostic, sources: TextForm['sources']): ReturnType<typeof excerpt> {
  const { file, line, column, endLine, endColumn } = given;
  const text = sources?.get(file);
  if (text === undefined || line === null || column === null) return null;
  // Of a value of several lines, the first line is shown.
  const end = endLine === line ? (endColumn ?? column) : Number.POSITIVE_INFINITY;
  return excerpt(text, { line, column, end });
}

const styles = {
  strong: '\u001b[1m',
  faint: '\u001b[2m',
  error: '\u001b[31m',
  warning: '\u001b[33m',
  note: '\u001b[36m',
  plain: '\u001b[0m',
} as const;

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/**
 * The candidate closest to a misspelled word, by edit distance (swapped neighbours count as one, case
 * is ignored); null if none is close. Of several equally close ones, the first.
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

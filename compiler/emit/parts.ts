// Text of a script -> its parts, their digests, and what its page says: guards, steps, commands, values.

import { quotedValue, unquoted } from './templates.ts';

/** The parts of a script. Each begins with its mark and ends before the next mark. */
export const partNames = ['page', 'functions', 'engine'] as const;
export type PartName = (typeof partNames)[number];

/** The first line of each part. */
export const marks: Readonly<Record<PartName, string>> = {
  page: '# --- page',
  functions: '# --- functions: what the page calls',
  engine: '# --- engine: the same in every script of every bundle',
};

/** A script in its parts. `stated` has the digests that its header states, in hexadecimal. */
export interface ScriptParts extends Readonly<Record<PartName, string>> {
  readonly header: string;
  readonly stated: Readonly<Record<PartName, string>>;
}

/** Whether a text is a recovery script, and not another file that ends in .sh. */
export function isRecoveryScript(text: string): boolean {
  return text.includes(`\n${marks.page}\n`);
}

/** The parts of a script, or why it has not the form of one. */
export function partsOf(text: string): ScriptParts | string {
  const starts: number[] = [];
  const found: PartName[] = [];
  // One pass: a bundle can have thousands of scripts.
  for (let at = text.indexOf('\n# --- '); at >= 0; at = text.indexOf('\n# --- ', at + 1)) {
    const line = text.slice(at + 1, text.indexOf('\n', at + 1));
    const name = partNames.find((each) => marks[each] === line);
    if (name === undefined) continue;
    found.push(name);
    starts.push(at + 1);
  }
  const strangePart = partNames.find((name) => found.filter((each) => each === name).length !== 1);
  if (strangePart !== undefined) return `it does not have the line "${marks[strangePart]}" once`;
  if (found.join() !== partNames.join()) return 'its parts are in the wrong order';
  const [page = 0, functions = 0, engine = 0] = starts;
  const header = text.slice(0, page);
  const strange = header.split('\n').find((line, at) => !isHeaderLine(line, at));
  if (strange !== undefined) return `its header has a line that is not a comment: ${strange}`;
  const stated: Partial<Record<PartName, string>> = {};
  for (const [, name, digest] of header.matchAll(
    /^# {3}(page|functions|engine) +sha256:([0-9a-f]{64})$/gmu,
  )) {
    if (stated[name as PartName] !== undefined) return `its header states two digests of ${name}`;
    stated[name as PartName] = digest as string;
  }
  const missing = partNames.find((name) => stated[name] === undefined);
  if (missing !== undefined) return `its header states no digest of ${missing}`;
  return {
    header,
    page: text.slice(page, functions),
    functions: text.slice(functions, engine),
    engine: text.slice(engine),
    stated: stated as Record<PartName, string>,
  };
}

function isHeaderLine(line: string, at: number): boolean {
  return at === 0 ? line === '#!/usr/bin/env bash' : line === '' || line.startsWith('#');
}

/** A step on a page. */
interface PageStep {
  readonly guide: string;
  readonly title: string;
  /** The comment above it. */
  readonly reason: string;
  /** The bash function that does it. */
  readonly name: string;
  /** The call with its arguments, in one line. */
  readonly call: string;
  /** Its commands as on the page, without the comment sign: `$ CMD`, `? CMD`, or when they run. */
  readonly lines: readonly string[];
}

/** What a page says. */
export interface Page {
  /** The calls of its guards, in order. */
  readonly guards: readonly string[];
  readonly steps: readonly PageStep[];
  /** What it prints last: what comes next. */
  readonly last: string;
  /** Its values by name, each as bash reads it, lists in parentheses. */
  readonly values: ReadonlyMap<string, string>;
  /** All its other lines, which are the same in every script. */
  readonly frame: string;
}

/** Reads a page. A line it does not know is left out here; a reader of the page sees it. */
export function readPage(page: string): Page {
  const at = page.indexOf('\n# --- values\n');
  const front = page.slice(0, at < 0 ? page.length : at);
  const back = at < 0 ? '' : page.slice(at);
  const guards = bodyOf(front, 'guards');
  const commands = bodyOf(front, 'commands');
  return {
    guards: guards.split('\n').flatMap((line) => line.trim() || []),
    steps: stepsOf(commands),
    last: commands.split(/^(?= {2}finish\b)/mu)[1] ?? '',
    values: valuesOf(back),
    // A value that is added or removed leaves a line feed.
    frame: `${front.replace(guards, '').replace(commands, '')}${back.replace(value, '')}`.replace(
      /\n{2,}/gu,
      '\n',
    ),
  };
}

/** The lines of a function of the page. */
function bodyOf(text: string, name: string): string {
  const start = text.indexOf(`\n${name}() {\n`);
  const end = text.indexOf('\n}\n', start);
  return start < 0 || end < 0 ? '' : text.slice(start + name.length + 6, end);
}

function stepsOf(body: string): readonly PageStep[] {
  return body.split('\n\n').flatMap((block) => {
    const lines = block.split('\n').map((line) => line.slice(2));
    const at = lines.findIndex((line) => line.startsWith('begin '));
    if (at < 0) return [];
    const [guide = '', title = ''] = quotedOf(lines[at] ?? '');
    const after = lines.slice(at + 1);
    const end = after.findIndex((line) => line.startsWith('#'));
    const call = (end < 0 ? after : after.slice(0, end)).join('\n').replace(/ \\\n */gu, ' ');
    const comments = end < 0 ? [] : after.slice(end).map((line) => line.replace(/^# ?/u, ''));
    const reason = lines.slice(0, at).join('\n');
    return [{ guide, title, reason, name: call.split(/\s/u)[0] ?? '', call, lines: comments }];
  });
}

/** The texts in single quotes, as bash reads them. */
function quotedOf(line: string): readonly string[] {
  return [...line.matchAll(quotedValue)].map(([text]) => unquoted(text));
}

const value = /^readonly (?:-a )?([A-Z_]+)=(\((?:.*|\n(?:.*\n)*?)\)|'.*')$/gmu;

function valuesOf(text: string): ReadonlyMap<string, string> {
  return new Map(
    [...text.matchAll(value)].map(([, name = '', words = '']) => [
      name,
      words.replace(/\s+/gu, ' ').trim(),
    ]),
  );
}

/** Commands in one line each: a line that ends in a backslash goes on in the next. */
export function joinedCommands(lines: readonly string[]): readonly string[] {
  return lines
    .join('\n')
    .replace(/ \\\n */gu, ' ')
    .split('\n')
    .filter((line) => line !== '');
}

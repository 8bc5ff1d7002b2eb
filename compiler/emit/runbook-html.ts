// The runbook's view -> RUNBOOK.html: one file for a browser and for paper, without scripts.

import { createHash } from 'node:crypto';
import type { Inline } from './inline.ts';
import type { Section, TableColumns } from './markdown.ts';
import { picture } from './picture.ts';
import type { RunbookView } from './runbook.ts';
import { quotedValue, renderHtml, type Templates } from './templates.ts';

type TurnView = RunbookView['turns'][number];

/** Up to so many scripts have a section of their own; of more, only the first of each kind. */
const complete = 24;

/** The runbook as a page. The same view gives the same bytes. */
export function emitRunbookHtml(view: RunbookView, templates: Templates): string {
  const { before, after } = templates.runbookSections;
  const sections = [...before, ...after];
  const style = [
    templates.runbookStyle,
    ...sections.flatMap(({ tables }) => tables.map(narrowStyle)),
    paperStyle(view.plan),
  ].join('');
  const shapes = new Map<string, Kind>();
  const turns = view.turns.map((turn) => placed(turn, shapes, view.turns.length > complete));
  const logIns = logInsOf(turns);
  return renderHtml(
    templates.runbookHtml,
    {
      ...view,
      style,
      // Nothing but this style: if markup ever came in, a browser would not run or load it.
      policy: `default-src 'none'; style-src 'sha256-${sha256(style)}'; base-uri 'none'; form-action 'none'`,
      before: before.map(nameOf),
      after: after.map(nameOf),
      pictures: picture(view),
      blocks: blocksOf(logIns),
      listed: logIns.filter(({ turns }) => turns.some(({ card }) => card)),
      commands: commandsOf(turns),
    },
    sections,
  );
}

function nameOf({ id, title }: Section) {
  return { id, title };
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('base64');
}

/** On narrow screens each cell is on a line of its own, after the title of its column. */
function narrowStyle({ name, columns }: TableColumns): string {
  const rules = columns
    .slice(1)
    .map((title, at) => `  .${name} td:nth-child(${at + 2})::before { content: "${title}"; }\n`);
  return `@media screen and (max-width: 40rem) {\n${rules.join('')}}\n`;
}

/** The name of the plan on every page of paper: pages of two bundles must not be mixed up. */
function paperStyle(plan: string): string {
  const literal = plan.replace(
    /[^A-Za-z0-9-]/gu,
    (letter) => `\\${letter.codePointAt(0)?.toString(16)} `,
  );
  return `@page { @bottom-left { content: "${literal}"; } }\n`;
}

// ---- Scripts that differ only in names, addresses and paths --------------------------------

interface Kind {
  readonly first: TurnView;
  count: number;
}

/** A turn, and whether it has a section or is a line that refers to the first of its kind. */
interface Placed {
  readonly turn: TurnView;
  readonly kind: Kind;
  readonly card: boolean;
}

function placed(turn: TurnView, shapes: Map<string, Kind>, many: boolean): Placed {
  const shape = many ? shapeOf(turn) : turn.path;
  const known = shapes.get(shape);
  const kind = known ?? { first: turn, count: 0 };
  kind.count += 1;
  shapes.set(shape, kind);
  return { turn, kind, card: known === undefined };
}

/** A turn without ids of its hosts and without quoted values. */
function shapeOf(turn: TurnView): string {
  const ids = [turn.host, turn.subject].map(
    (id) => new RegExp(`(?<![a-z0-9-])${id}(?![a-z0-9-])`, 'gu'),
  );
  const bare = (text: string) => ids.reduce((rest, id) => rest.replace(id, '*'), text);
  const words = (inline: Inline) => inline.map((span) => (typeof span === 'string' ? span : ''));
  return JSON.stringify([
    ...[
      turn.kinds,
      turn.phase,
      turn.guide,
      turn.duration,
      turn.warnings,
      turn.omits,
      turn.never.length,
    ],
    ...[turn.title, turn.reason, ...turn.lasting].map(bare),
    ...turn.effects.map(words),
    turn.commands.map(({ lines }) => lines.map(({ text }) => text.replace(quotedValue, "''"))),
  ]);
}

// ---- Log-ins -------------------------------------------------------------------------------

interface LogIn {
  readonly number: number;
  readonly host: string;
  readonly words: string;
  readonly turns: readonly Placed[];
}

/** The scripts by log-in: a hand-over begins a new one. */
function logInsOf(turns: readonly Placed[]): readonly LogIn[] {
  const logIns: (LogIn & { readonly turns: Placed[] })[] = [];
  for (const each of turns) {
    const { handOver, host } = each.turn;
    if (handOver !== '') {
      logIns.push({ number: logIns.length + 1, host, words: handOver, turns: [] });
    }
    logIns.at(-1)?.turns.push(each);
  }
  return logIns;
}

/** A section for a log-in with the sections of its scripts; or lines of a table, for any number. */
function blocksOf(logIns: readonly LogIn[]) {
  const blocks: { logIn: LogIn | null; parts: Part[] }[] = [];
  for (const logIn of logIns) {
    const last = blocks.at(-1);
    const lines = logIn.turns.every(({ card }) => !card);
    const block = lines && last?.logIn === null ? last : { logIn: lines ? null : logIn, parts: [] };
    if (block !== last) blocks.push(block);
    if (lines) addRow(block.parts, { logIn, script: null });
    for (const { turn, kind, card } of logIn.turns) {
      if (card) block.parts.push({ card: turn, rows: [] });
      else addRow(block.parts, { logIn: null, script: { ...turn, like: likeOf(kind) } });
    }
  }
  return blocks;
}

/** The script to compare with, by the number in its name. */
function likeOf({ first: { order, path } }: Kind) {
  return { order, number: path.slice(0, path.indexOf('-')) };
}

interface Part {
  readonly card: TurnView | null;
  readonly rows: TableRow[];
}

type TableRow =
  | { readonly logIn: LogIn; readonly script: null }
  | {
      readonly logIn: null;
      readonly script: TurnView & { readonly like: ReturnType<typeof likeOf> };
    };

function addRow(parts: Part[], row: TableRow): void {
  const last = parts.at(-1);
  if (last !== undefined && last.card === null) last.rows.push(row);
  else parts.push({ card: null, rows: [row] });
}

/** The commands of each kind of script, once. */
function commandsOf(turns: readonly Placed[]) {
  return turns
    .filter(({ card, turn }) => card && turn.commands.length > 0)
    .map(({ turn, kind }) => ({
      order: turn.order,
      path: turn.path,
      steps: turn.commands,
      others: kind.count - 1,
    }));
}

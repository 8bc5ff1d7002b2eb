// What there is to review -> REVIEW.md, which colleagues read and tick before an incident.

import { sha256 } from '../sha256.ts';
import type { BundledTool } from '../tools/tool.ts';

import { piecesOf } from './pieces.ts';
import type { Review, ReviewedPiece, ScriptKind } from './reading.ts';
import { render, type Templates } from './templates.ts';
import { toolViews } from './tool-list.ts';

/** So many scripts of one kind are named. */
const named = 6;

/** A script of the bundle that is no step of a recovery, such as recover.sh. */
interface Companion {
  readonly path: string;
  readonly text: string;
}

/** The review sheet. The same scripts give the same bytes. */
export function emitReview(
  title: string,
  review: Review,
  companions: readonly Companion[],
  templates: Templates,
  tools: readonly BundledTool[] = [],
): string {
  const { scripts, kinds, pageLines, engine, functions } = review;
  const groups = groupsOf(review);
  return render(templates.review, {
    title,
    scripts,
    kindCount: kinds.length,
    pageLines,
    firstLines: sum(kinds.map(({ lines }) => lines)),
    functionCount: functions.length,
    functionLines: sum(functions.map(({ lines }) => lines)),
    engineCount: engine.length,
    engineLines: sum(engine.map(({ lines }) => lines)),
    kinds: kinds.map((kind, index) => kindView(kind, index + 1)),
    groups: groups.filter(({ pieces }) => pieces.length > 0),
    engine: engine.map(pieceView),
    companions: companions.map((companion, index) => ({
      number: index + 4,
      ...companionView(companion, review),
    })),
    tools: toolViews(tools),
  });
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0);
}

function kindView({ paths, title, lines, page, waits }: ScriptKind, number: number) {
  const [first = '', ...others] = paths;
  const last = others.at(-1) ?? '';
  const shown = paths.length > named ? others.slice(0, named - 2) : others;
  const { length: changes } = page.steps.filter((step) => step.lines.length > 0);
  return {
    number,
    first,
    title,
    lines,
    alike: shown,
    more: paths.length > named ? others.length - shown.length - 1 : 0,
    last,
    count: paths.length,
    guards: page.guards,
    changes,
    steps: page.steps.filter((step) => step.lines.length > 0),
    waits: waits.map(({ by, seconds, until }) => ({
      by,
      seconds,
      until: until ?? '',
    })),
  };
}

function pieceView({ name, lines, digest, scripts }: ReviewedPiece) {
  return { name, lines, digest: digest.slice(0, 12), scripts };
}

/** How many lines of a companion are functions that the scripts carry too. */
function companionView({ path, text }: Companion, { engine, functions }: Review) {
  const known = new Map([...engine, ...functions].map(({ digest, lines }) => [digest, lines]));
  const shared = piecesOf(text).map(({ digest }) => known.get(digest) ?? 0);
  const lines = text.split('\n').length - 1;
  return { path, lines, own: lines - sum(shared), digest: sha256(text).slice(0, 12) };
}

/** First what most scripts use, then what some use, then what one kind of script uses. */
function groupsOf({ functions, scripts, kinds }: Review) {
  const single = functions.filter((piece) => piece.kinds.length === 1 && kinds.length > 1);
  const shared = functions.filter((piece) => !single.includes(piece));
  const most = shared.filter((piece) => piece.scripts * 2 >= scripts);
  const some = shared.filter((piece) => !most.includes(piece));
  const bySpread = (pieces: readonly ReviewedPiece[]) =>
    [...pieces].sort((a, b) => b.scripts - a.scripts);
  const own = kinds.map(({ paths: [first = ''] }, index) => ({
    title: `Functions of one kind of script: ${index + 1}. \`${first}\``,
    pieces: single.filter((piece) => piece.kinds[0] === index).map(pieceView),
  }));
  return [
    { title: 'Functions in half of the scripts or more', pieces: bySpread(most).map(pieceView) },
    { title: 'Functions in fewer scripts', pieces: bySpread(some).map(pieceView) },
    ...own,
  ];
}

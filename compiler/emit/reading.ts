// Scripts -> what there is to review: kinds of scripts, and each distinct function once.

import { sha256 } from '../sha256.ts';
import { joinedCommands, type Page, type PartName, readPage, type ScriptParts } from './parts.ts';
import { type Piece, piecesOf } from './pieces.ts';
import { remembered } from './remembered.ts';
import { quotedValue } from './templates.ts';

/** The scripts that differ only in quoted values: in host ids, addresses, paths and the like. */
export interface ScriptKind {
  readonly paths: readonly string[];
  /** The title of the first. */
  readonly title: string;
  /** Lines of its header and page, up to its values. */
  readonly lines: number;
  readonly page: Page;
  readonly waits: readonly Wait[];
}

/** A wait with its limit. */
interface Wait {
  readonly by: string;
  readonly seconds: string;
  /** What it waits for, as in the bash; null if it is only a limit for something else. */
  readonly until: string | null;
}

/** A function, or a block of settings, that is read once for all scripts that carry it. */
export interface ReviewedPiece {
  readonly name: string;
  readonly kind: Piece['kind'];
  readonly lines: number;
  readonly digest: string;
  readonly scripts: number;
  /** The script kinds that carry it, by their place in the list of kinds. */
  readonly kinds: readonly number[];
}

/** What there is to review in some scripts. */
export interface Review {
  readonly scripts: number;
  readonly kinds: readonly ScriptKind[];
  /** Lines of all headers and pages, up to the values. */
  readonly pageLines: number;
  /** The digest of each page, by the path of its script. */
  readonly pages: ReadonlyMap<string, string>;
  /** The digests of engines: one, unless a script was changed. */
  readonly engines: readonly string[];
  readonly functionsVariants: number;
  readonly engine: readonly ReviewedPiece[];
  readonly functions: readonly ReviewedPiece[];
}

/** Takes scripts one at a time, because all of them together may not fit in memory. */
export interface Reader {
  readonly add: (path: string, parts: ScriptParts) => void;
  readonly review: () => Review;
}

interface Body {
  readonly pieces: Readonly<Record<'functions' | 'engine', readonly Piece[]>>;
  scripts: number;
  readonly kinds: Set<number>;
}

/** A reader of scripts. */
export function reader(): Reader {
  const pages = new Map<string, string>();
  const bodies = new Map<string, Body>();
  const functionsDigests = new Set<string>();
  const engines = new Set<string>();
  const kindOf = new Map<string, number>();
  const kinds: (ScriptKind & { readonly paths: string[] })[] = [];
  let pageLines = 0;
  const add = (path: string, parts: ScriptParts) => {
    const functionsDigest = sharedDigest(parts.functions);
    const engineDigest = sharedDigest(parts.engine);
    const key = `${functionsDigest} ${engineDigest}`;
    const body = bodies.get(key) ?? {
      pieces: { functions: piecesOf(parts.functions), engine: piecesOf(parts.engine) },
      scripts: 0,
      kinds: new Set<number>(),
    };
    bodies.set(key, body);
    functionsDigests.add(functionsDigest);
    engines.add(engineDigest);
    pages.set(path, sha256(parts.page));
    const lines = linesOf(parts.header) + linesOf(parts.page.split('\n# --- values\n')[0] ?? '');
    pageLines += lines;
    const page = readPage(parts.page);
    const shape = `${key}\n${shapeOf(page)}`;
    const known = kindOf.get(shape) ?? kinds.length;
    body.scripts += 1;
    body.kinds.add(known);
    if (known < kinds.length) {
      kinds[known]?.paths.push(path);
      return;
    }
    kindOf.set(shape, known);
    const title = /^# \S+: (.*)$/mu.exec(parts.header)?.[1] ?? '';
    const waits = waitsOf([...body.pieces.functions, ...body.pieces.engine], page);
    kinds.push({ paths: [path], title, lines, page, waits });
  };
  const review = () => ({
    scripts: pages.size,
    kinds,
    pageLines,
    pages,
    engines: [...engines],
    functionsVariants: functionsDigests.size,
    engine: counted([...bodies.values()], 'engine'),
    functions: counted([...bodies.values()], 'functions'),
  });
  return { add, review };
}

// Thousands of scripts of a large cluster carry the same few texts.
const sharedDigest = remembered(sha256);

function linesOf(text: string): number {
  return text.split('\n').length - 1;
}

/** Each distinct piece of a part, in the order in which the scripts carry them. */
function counted(bodies: readonly Body[], part: Exclude<PartName, 'page'>) {
  const found = new Map<string, ReviewedPiece & { scripts: number; kinds: number[] }>();
  for (const body of bodies) {
    for (const { name, kind, text, digest } of body.pieces[part]) {
      const lines = text.split('\n').length;
      const piece = found.get(digest) ?? {
        ...{ name: name || 'last lines', kind, lines, digest },
        scripts: 0,
        kinds: [],
      };
      piece.scripts += body.scripts;
      piece.kinds = [...new Set([...piece.kinds, ...body.kinds])];
      found.set(digest, piece);
    }
  }
  return [...found.values()];
}

/** A page without its quoted values and titles. Lists of values may differ in length. */
function shapeOf({ guards, steps }: Page): string {
  return [
    ...guards.map(withoutValues),
    ...steps.flatMap(({ call, lines }) => [
      withoutValues(call),
      ...joinedCommands(lines).map(withoutValues),
    ]),
  ].join('\n');
}

function withoutValues(text: string): string {
  return text.replace(quotedValue, "''").replace(/''(?: '')+/gu, "''");
}

/** The waits of the functions that a script carries, in their order, with the limits of its values. */
function waitsOf(pieces: readonly Piece[], { values }: Page): readonly Wait[] {
  return pieces.flatMap(({ name, text }) =>
    waitsIn(text).map(({ limit, until }) => ({
      by: name,
      seconds: secondsOf(limit, values),
      until,
    })),
  );
}

interface WrittenWait {
  readonly limit: string;
  readonly until: string | null;
}

const call =
  /\bwait_(?:until|softly) (?:"\$\{(DEADLINE_[A-Z]+)\}"|"?\$\(\(([^()]*)\)\)"?|([0-9]+)) \S+ (?:'([^']*)'|"([^"]*)")/gu;

const waitsIn = remembered((text): readonly WrittenWait[] => {
  const code = text.replace(/^\s*#.*$/gmu, '').replace(/ \\\n\s*/gu, ' ');
  const waits = [...code.matchAll(call)].map(([, deadline, sum, number, single, double]) => ({
    limit: deadline ?? sum ?? number ?? '',
    until: single ?? double ?? '',
  }));
  const rest = code.replace(call, '').match(/\bDEADLINE_[A-Z]+\b/gu) ?? [];
  return [...waits, ...[...new Set(rest)].map((limit) => ({ limit, until: null }))];
});

/** `DEADLINE_STOP + 45` with its value. */
function secondsOf(limit: string, values: ReadonlyMap<string, string>): string {
  const terms = limit.split('+').map((term) => term.trim());
  const numbers = terms.map((term) => Number((values.get(term) ?? term).replaceAll("'", '')));
  return numbers.every(Number.isFinite) ? `${numbers.reduce((a, b) => a + b, 0)} s` : limit;
}

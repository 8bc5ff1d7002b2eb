// A bundle -> what there is to review, what is new since an earlier review, and what does not match.

import { inputName, readInput } from '../bundle/text.ts';
import { type Diagnostic, diagnostic } from '../diagnostic.ts';
import { partNames, partsOf } from '../emit/parts.ts';
import { type Review, type ReviewedPiece, reader, type ScriptKind } from '../emit/reading.ts';
import { sha256 } from '../sha256.ts';
import { compareWithSums, type OpenBundle, openBundle, scriptAt } from './open.ts';

/** `exit`: 0 nothing new, 1 something new or not as stated, 2 could not. */
export interface ReviewOutcome {
  readonly exit: 0 | 1 | 2;
  readonly diagnostics: readonly Diagnostic[];
  readonly result: ReviewResult | null;
}

/** What a person reviews, as machines read it. */
interface ReviewResult {
  readonly directory: string;
  /** The sha256 of SHA256SUMS. */
  readonly manifest: string;
  readonly scripts: number;
  readonly pageLines: number;
  readonly engines: readonly string[];
  readonly functionsVariants: number;
  readonly kinds: readonly ReviewedKind[];
  readonly engine: readonly ReviewedPiece[];
  readonly functions: readonly ReviewedPiece[];
  /** A digest of each page and function, by name. */
  readonly digests: readonly NamedDigest[];
  /** What no known digest has; null if no known digests were given. */
  readonly fresh: readonly NamedDigest[] | null;
}

type ReviewedKind = Pick<ScriptKind, 'paths' | 'title' | 'lines' | 'waits'> & {
  readonly guards: readonly string[];
  readonly commands: readonly string[];
};

/** A page or a function. */
interface NamedDigest {
  readonly sha256: string;
  readonly name: string;
  readonly lines: number;
  readonly scripts: readonly string[];
}

/** Reviews the bundle in a directory. `known` is a file of digests that were reviewed before. */
export async function reviewBundle(
  directory: string,
  known: string | null,
): Promise<ReviewOutcome> {
  const bundle = openBundle(directory);
  if ('code' in bundle) return { exit: 2, diagnostics: [bundle], result: null };
  const reviewed = known === null ? null : await readKnown(known);
  if (reviewed !== null && 'code' in reviewed) {
    return { exit: 2, diagnostics: [reviewed], result: null };
  }
  const { review, strange } = readScripts(bundle);
  const diagnostics = [...compareWithSums(bundle), ...strange, ...severalTexts(review)];
  const digests = digestsOf(review);
  const fresh = reviewed && digests.filter(({ sha256 }) => !reviewed.has(sha256));
  const { scripts, pageLines, engines, functionsVariants, engine, functions } = review;
  return {
    exit: diagnostics.length > 0 || (fresh !== null && fresh.length > 0) ? 1 : 0,
    diagnostics,
    result: {
      directory,
      manifest: bundle.manifest,
      ...{ scripts, pageLines, engines, functionsVariants },
      kinds: review.kinds.map(({ paths, title, lines, waits, page }) => ({
        ...{ paths, title, lines, waits },
        guards: page.guards,
        commands: page.steps.flatMap((step) => [...step.lines]),
      })),
      ...{ engine, functions, digests, fresh },
    },
  };
}

/** Every script, and those that are not what their headers state. */
function readScripts(bundle: OpenBundle): {
  readonly review: Review;
  readonly strange: readonly Diagnostic[];
} {
  const scripts = reader();
  const strange: Diagnostic[] = [];
  // Thousands of scripts of a large cluster carry the same few texts.
  const digests = new Map<string, string>();
  const shared = (text: string) => {
    const known = digests.get(text) ?? sha256(text);
    digests.set(text, known);
    return known;
  };
  for (const path of bundle.sums.keys()) {
    const text = scriptAt(bundle, path);
    if (text === null) continue;
    const parts = partsOf(text);
    if (typeof parts === 'string') {
      strange.push(notAsStated(path, `${path}: ${parts}`));
      continue;
    }
    scripts.add(path, parts);
    for (const name of partNames) {
      const found = name === 'page' ? sha256(parts.page) : shared(parts[name]);
      if (found === parts.stated[name]) continue;
      const stated = parts.stated[name];
      strange.push(
        notAsStated(path, `${path}, ${name}: its header states sha256:${stated}, found ${found}`),
      );
    }
  }
  return { review: scripts.review(), strange };
}

function notAsStated(file: string, what: string): Diagnostic {
  return diagnostic(
    'REV004',
    { file, position: null },
    {
      what,
      why: 'The script was changed after it was compiled, or is incomplete.',
      remedy: 'Do not run it. Copy the reviewed bundle again.',
    },
  );
}

/** Names under which the scripts carry several texts. The text in most scripts is the expected one. */
function severalTexts({ engine, functions, kinds }: Review): readonly Diagnostic[] {
  const byName = new Map<string, ReviewedPiece[]>();
  for (const piece of [...functions, ...engine]) {
    byName.set(piece.name, [...(byName.get(piece.name) ?? []), piece]);
  }
  return [...byName].flatMap(([name, pieces]) => {
    const [usual, ...others] = [...pieces].sort((a, b) => b.scripts - a.scripts);
    const strange = others.filter(({ digest }) => digest !== usual?.digest);
    return strange.map((other) => {
      const file = kinds[other.kinds[0] ?? -1]?.paths[0] ?? name;
      return diagnostic(
        'REV005',
        { file, position: null },
        {
          what: `${file}: ${name} is sha256:${other.digest}, in ${usual?.scripts} other script(s) sha256:${usual?.digest}`,
          why: 'A function is reviewed once, so it must have one text.',
          remedy: 'Do not run the script. Compile again and compare.',
        },
      );
    });
  });
}

/** A digest for each page and each function or setting. */
function digestsOf(review: Review): readonly NamedDigest[] {
  const pages = review.kinds.flatMap(({ paths, lines }) =>
    paths.map((path) => ({
      sha256: review.pages.get(path) ?? '',
      name: `page ${path}`,
      lines,
      scripts: [path],
    })),
  );
  const pieces = [...review.functions, ...review.engine].map((piece) => ({
    sha256: piece.digest,
    name: `${piece.kind === 'function' ? 'function' : 'setting'} ${piece.name}`,
    lines: piece.lines,
    scripts: piece.kinds.flatMap((kind) => review.kinds[kind]?.paths ?? []).sort(),
  }));
  return [...pages.sort(byName), ...pieces.sort(byName)];
}

function byName(a: NamedDigest, b: NamedDigest): number {
  return a.name < b.name ? -1 : 1;
}

/** The digests of a file that `plan review --digests` printed. */
async function readKnown(given: string): Promise<ReadonlySet<string> | Diagnostic> {
  const file = inputName(given);
  const text = await readInput(given);
  if (typeof text !== 'string') return text;
  const known = new Set<string>();
  for (const [index, line] of text.split(/\r?\n/u).entries()) {
    if (line === '' || line.startsWith('#')) continue;
    const digest = /^([0-9a-f]{64}) {2}./u.exec(line)?.[1];
    if (digest === undefined) {
      return diagnostic(
        'REV006',
        { file, position: { line: index + 1, column: 1 } },
        {
          what: `not a line of digests: ${line.slice(0, 80)}`,
          why: 'A line that is not understood could hide that something was not reviewed.',
          remedy: 'Print the file again with: plan review DIR --digests',
        },
      );
    }
    known.add(digest);
  }
  return known;
}

/** The file that `--known` reads. */
export function digestLines({ digests }: ReviewResult): string {
  return digests.map(({ sha256, name }) => `${sha256}  ${name}\n`).join('');
}

/** The review for a terminal. */
export function reviewWords(result: ReviewResult, known: string | null): string {
  const { scripts, kinds, pageLines, engines, functionsVariants, engine, functions } = result;
  const lines = (pieces: readonly ReviewedPiece[]) =>
    pieces.reduce((sum, each) => sum + each.lines, 0);
  const [first = ''] = engines;
  const same =
    engines.length === 1 ? `same in all ${scripts} scripts` : `${engines.length} variants`;
  const head = [
    `${result.directory}: ${scripts} scripts of ${kinds.length} kinds`,
    `SHA256SUMS  sha256:${result.manifest}`,
    '            Compare this value with the one on paper.',
    '',
    `engine      sha256:${first.slice(0, 12)}  ${same}; ${count(engine)}, ${lines(engine)} lines`,
    `functions   ${functionsVariants} variants; ${count(functions)}, ${lines(functions)} lines`,
    `pages       ${result.digests.length - distinct(result)}, one for each script; ${pageLines} lines`,
    '',
  ];
  const { fresh } = result;
  const body =
    fresh === null || known === null
      ? [
          'Pages to read, in this order (scripts of one kind differ only in values):',
          ...kinds.map(kindLine),
        ]
      : fresh.length === 0
        ? [`Nothing is new: every page and function is in ${known}.`]
        : [
            `New, not in ${known}: ${fresh.length} of ${result.digests.length} pages and functions`,
            ...fresh.map(freshLine),
          ];
  return `${[...head, ...body].join('\n')}\n`;
}

function distinct({ digests }: ReviewResult): number {
  return digests.filter(({ name }) => !name.startsWith('page ')).length;
}

function count(pieces: readonly ReviewedPiece[]): string {
  return `${pieces.length} functions and settings`;
}

function kindLine({ paths, lines, guards }: ReviewedKind, index: number): string {
  const others = paths.length > 1 ? `, and ${paths.length - 1} of its kind` : '';
  return `  ${String(index + 1).padStart(2)}. ${paths[0]}: ${lines} lines, ${guards.length} guard${guards.length === 1 ? '' : 's'}${others}`;
}

function freshLine({ name, lines, scripts }: NamedDigest): string {
  if (name.startsWith('page ')) return `  ${name}: ${lines} lines`;
  return `  ${name}: ${lines} lines, in ${scriptWords(scripts)}`;
}

/** `9 scripts: a, b, c and 6 more`. */
export function scriptWords(scripts: readonly string[]): string {
  const shown = scripts.slice(0, 3).join(', ');
  const more = scripts.length > 3 ? ` and ${scripts.length - 3} more` : '';
  return `${scripts.length} script${scripts.length === 1 ? '' : 's'}: ${shown}${more}`;
}

// Scripts on disk -> findings of ShellCheck, or the reason why there is no ShellCheck.

import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import * as z from 'zod';
import { type Diagnostic, diagnostic, sortDiagnostics } from '../diagnostic.ts';
import { run } from './run.ts';
import { type ScriptText, type Sheets, sheetsOf } from './sheets.ts';
import { findTool, type Tool } from './tool.ts';

/** The ShellCheck that was used, or why there is none. */
export type Linter =
  | { readonly found: true; readonly from: string; readonly version: string }
  | { readonly found: false; readonly because: string };

/** The linter and its findings. */
export interface Linted {
  readonly linter: Linter;
  readonly findings: readonly Diagnostic[];
}

/** How the scripts are linted. */
export interface LintOptions {
  /** A path or a name; null: the one on the PATH, or else the one of the npm wrapper. */
  readonly given: string | null;
  /**
   * How many lines of functions are read at once. Infinity finds what only shows when ShellCheck sees
   * all of them, and takes four times as long.
   */
  readonly sheetLines?: number;
  /** Where a directory for temporary files is made and removed. */
  readonly room?: string;
  /** Limit of each run, in milliseconds. One takes seconds, on a busy machine a minute. */
  readonly limit?: number;
  /** Gets what is being done. */
  readonly progress?: (doing: string) => void;
}

/** Lints the scripts at these paths of a directory, on every processor. */
export async function lint(
  directory: string,
  paths: readonly string[],
  {
    given,
    sheetLines = 1500,
    room: base = tmpdir(),
    limit = 180_000,
    progress = () => {},
  }: LintOptions,
): Promise<Linted> {
  progress('Looking for ShellCheck');
  const tool = await findTool(given);
  if (typeof tool === 'string') return { linter: { found: false, because: tool }, findings: [] };
  const { from, version } = tool;
  const texts = await Promise.all(
    paths.map(async (path) => ({ path, text: await readFile(join(directory, path), 'utf8') })),
  );
  const { sheets, placeOf } = sheetsOf(texts, sheetLines);
  const room = await mkdtemp(join(base, 'lint-'));
  try {
    await Promise.all(sheets.map(({ path, text }) => put(join(room, path), text)));
    let done = 0;
    const count = (some: number) => {
      done += some;
      progress(`Linting with ShellCheck ${version}: ${done} of ${sheets.length} parts`);
    };
    count(0);
    const findings = await inParallel(batches(sheets), async (batch) => {
      const found = await findingsOf(tool, room, batch, placeOf, limit);
      if (typeof found !== 'string') count(batch.length);
      return found;
    });
    if (typeof findings === 'string') {
      return { linter: { found: false, because: `${from}: ${findings}` }, findings: [] };
    }
    const linter = { found: true, from, version } as const;
    return { linter, findings: sortDiagnostics(findings.flat()) };
  } finally {
    await rm(room, { recursive: true, force: true });
  }
}

/** Sheets that one run of ShellCheck reads, the largest first. It takes time to start. */
function batches(sheets: readonly ScriptText[]): readonly (readonly string[])[] {
  const linesAtOnce = 1500;
  const all: string[][] = [];
  let lines = Number.POSITIVE_INFINITY;
  const sized = sheets.map(({ path, text }) => ({ path, lines: text.split('\n').length }));
  for (const sheet of sized.sort((a, b) => b.lines - a.lines)) {
    if (lines + sheet.lines > linesAtOnce) {
      all.push([]);
      lines = 0;
    }
    all.at(-1)?.push(sheet.path);
    lines += sheet.lines;
  }
  return all;
}

/** What each item gives, with one at a time on each processor; or the first failure. */
async function inParallel<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result | string>,
): Promise<readonly Result[] | string> {
  const results: Result[] = [];
  let failure: string | null = null;
  let next = 0;
  const worker = async () => {
    while (next < items.length && failure === null) {
      const item = items[next] as Item;
      next += 1;
      const result = await work(item);
      if (typeof result !== 'string') results.push(result);
      else failure ??= result;
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  return failure ?? results;
}

async function put(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}

/** What ShellCheck prints in its format json1. */
const printed = z.object({
  comments: z.array(
    z.object({
      file: z.string(),
      line: z.int(),
      endLine: z.int().optional(),
      column: z.int(),
      endColumn: z.int().optional(),
      level: z.string(),
      code: z.int(),
      message: z.string(),
    }),
  ),
});

/** The findings in these sheets, or why there are none to rely on. */
async function findingsOf(
  tool: Tool,
  directory: string,
  paths: readonly string[],
  placeOf: Sheets['placeOf'],
  limit: number,
): Promise<readonly Diagnostic[] | string> {
  const args = ['--norc', '--format=json1', '--severity=style', '--', ...paths];
  const ran = await run(tool.command, [...tool.args, ...args], { cwd: directory, limit });
  const { stdout, failure, status } = ran;
  // 0 is no finding and 1 is some; with any other status, files were not read.
  if (failure !== null || status === null || status > 1) {
    return failure ?? `it ended with status ${status}: ${ran.firstLine ?? 'no output'}`;
  }
  const comments = commentsIn(stdout);
  if (comments === null) return `its result cannot be read: ${ran.firstLine ?? 'no output'}`;
  return comments.map((comment) => {
    const { file, line } = placeOf(comment.file, comment.line);
    const { column, endLine, endColumn } = comment;
    const end = endLine === comment.line && endColumn !== undefined ? endColumn : column;
    return diagnostic(
      'CHK002',
      { file, position: { line, column, end: { line, column: Math.max(column, end) } } },
      {
        what: `SC${comment.code} (${comment.level}): ${comment.message}`,
        why: 'Every script must pass ShellCheck at severity style, with its optional checks.',
        remedy: 'This is a bug in plan. Please report it and attach the inventory.',
      },
    );
  });
}

function commentsIn(stdout: string): z.output<typeof printed>['comments'] | null {
  // The npm wrapper may print lines of its own first.
  const start = stdout.indexOf('{"comments"');
  if (start < 0) return null;
  try {
    const read = printed.safeParse(JSON.parse(stdout.slice(start)));
    return read.success ? read.data.comments : null;
  } catch {
    return null;
  }
}

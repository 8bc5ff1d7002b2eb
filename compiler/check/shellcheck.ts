// Scripts on disk -> findings of ShellCheck, or the reason why there is none to be had.

import { spawn } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Diagnostic, diagnostic, sortDiagnostics } from '../diagnostic.ts';

/** Which ShellCheck has judged, or why none has. */
export type Linter =
  | { readonly found: true; readonly from: string; readonly version: string }
  | { readonly found: false; readonly because: string };

/** The linter and what it says. */
export interface Linted {
  readonly linter: Linter;
  readonly findings: readonly Diagnostic[];
}

interface Command {
  readonly from: string;
  readonly command: string;
  readonly args: readonly string[];
}

// A first use of the wrapper downloads a binary; without a network that can take its time.
const wrapperLimit = 60_000;

/**
 * Lints the scripts at these paths of a directory, on every processor: with the
 * ShellCheck given, else the one on the PATH, else the one the npm wrapper has or can download.
 */
export async function lint(
  directory: string,
  paths: readonly string[],
  given: string | null,
): Promise<Linted> {
  const reasons: string[] = [];
  for (const tool of await commands(given)) {
    const said = await execute(tool, ['--version'], directory, wrapperLimit);
    const version = /^version: (.+)$/mu.exec(said.stdout)?.[1];
    if (version === undefined) {
      reasons.push(`${tool.from}: ${said.failure ?? firstLine(said.stderr) ?? 'gives no version'}`);
      continue;
    }
    const linter = { found: true, from: tool.from, version } as const;
    const { whole, heads } = await alike(directory, paths);
    const room = await mkdtemp(join(tmpdir(), 'plan-lint-'));
    try {
      await Promise.all(heads.map(({ path, text }) => put(join(room, path), text)));
      const shares = await Promise.all([
        ...share(whole).map((some) => findings(tool, directory, some)),
        ...share(heads.map(({ path }) => path)).map((some) => findings(tool, room, some)),
      ]);
      return { linter, findings: sortDiagnostics(shares.flat()) };
    } finally {
      await rm(room, { recursive: true, force: true });
    }
  }
  return { linter: { found: false, because: reasons.join('; ') }, findings: [] };
}

/** Where what is specific to a script ends, and what is the same in all of its kind begins. */
const border = '\n# --- steps';

/**
 * Scripts of one kind share everything below their head (header, values, main) to the byte. One of
 * each kind is read whole, of the others the head: all that is theirs alone.
 */
async function alike(
  directory: string,
  paths: readonly string[],
): Promise<{
  readonly whole: readonly string[];
  readonly heads: readonly { readonly path: string; readonly text: string }[];
}> {
  const bodies = new Set<string>();
  const whole: string[] = [];
  const heads: { path: string; text: string }[] = [];
  for (const path of paths) {
    const text = await readFile(join(directory, path), 'utf8');
    const end = text.indexOf(border);
    const body = end < 0 ? text : text.slice(end);
    if (end < 0 || !bodies.has(body)) {
      bodies.add(body);
      whole.push(path);
    } else {
      heads.push({ path, text: text.slice(0, end + 1) });
    }
  }
  return { whole, heads };
}

async function put(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}

async function commands(given: string | null): Promise<readonly Command[]> {
  if (given !== null) return [{ from: given, command: given, args: [] }];
  const { which } = await import('zx/core');
  // npm puts its wrapper on the PATH under the same name; that one is for last.
  const onPath = (await which('shellcheck', { all: true, nothrow: true })) ?? [];
  const system = onPath.filter((path) => !realpathSync(path).endsWith('.js'));
  return [...system.map((path) => ({ from: path, command: path, args: [] })), ...wrapper()];
}

// The wrapper ends the process that imports it where it cannot write its binary, so it gets one.
function wrapper(): readonly Command[] {
  try {
    const main = fileURLToPath(import.meta.resolve('shellcheck'));
    const cli = join(dirname(dirname(main)), 'bin', 'shellcheck.js');
    if (!existsSync(cli)) return [];
    return [{ from: 'the npm package shellcheck', command: process.execPath, args: [cli] }];
  } catch {
    return [];
  }
}

/** The paths in as many shares as there are processors, dealt like cards. */
function share(paths: readonly string[]): readonly (readonly string[])[] {
  const hands = Math.min(availableParallelism(), paths.length);
  return Array.from({ length: hands }, (_, hand) =>
    paths.filter((_path, index) => index % hands === hand),
  );
}

interface Comment {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly level: string;
  readonly code: number;
  readonly message: string;
}

async function findings(
  tool: Command,
  directory: string,
  paths: readonly string[],
): Promise<readonly Diagnostic[]> {
  const args = ['--norc', '--format=json1', '--severity=style', '--', ...paths];
  const { stdout, stderr, failure } = await execute(tool, args, directory, null);
  const start = stdout.indexOf('{"comments"');
  if (start < 0) {
    throw new Error(`ShellCheck gave no result: ${failure ?? firstLine(stderr) ?? stdout}`);
  }
  const { comments } = JSON.parse(stdout.slice(start)) as { readonly comments: readonly Comment[] };
  return comments.map((comment) =>
    diagnostic(
      'CHK002',
      { file: comment.file, position: { line: comment.line, column: comment.column } },
      {
        what: `SC${comment.code} (${comment.level}): ${comment.message}`,
        why: 'Every script is clean at severity style, with the optional checks it names.',
        remedy: 'Report it with the inventory: it is a mistake of the compiler or its templates.',
      },
    ),
  );
}

interface Said {
  readonly stdout: string;
  readonly stderr: string;
  /** Why the command did not run, or null. */
  readonly failure: string | null;
}

/** Runs a tool without a shell between: a bundle has more paths than a shell line can hold. */
function execute(
  tool: Command,
  args: readonly string[],
  cwd: string,
  timeout: number | null,
): Promise<Said> {
  return new Promise((resolve) => {
    const child = spawn(tool.command, [...tool.args, ...args], {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(timeout === null ? {} : { timeout }),
    });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    const answer = (failure: string | null) =>
      resolve({
        stdout: Buffer.concat(out).toString('utf8'),
        stderr: Buffer.concat(err).toString('utf8'),
        failure,
      });
    child.on('error', (error) => answer(error.message));
    child.on('close', (_, signal) => answer(signal === null ? null : `ended by ${signal}`));
  });
}

function firstLine(text: string): string | null {
  return text.split('\n').find((line) => line.trim() !== '') ?? null;
}

// Where ShellCheck is: as given, on the PATH, or the one of the npm wrapper, which may download it.

import { accessSync, constants, existsSync, realpathSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './run.ts';

/** A ShellCheck that runs. */
export interface Tool {
  /** How people know it. */
  readonly from: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly version: string;
}

type Candidate = Omit<Tool, 'version'>;

/** The oldest release that the scripts are tested with. */
const oldest = [0, 8] as const;

// On first use the wrapper downloads a binary. Without a network it may wait long before it fails.
const wrapperLimit = 60_000;
const startLimit = 30_000;

/** A ShellCheck that runs, or why there is none. */
export async function findTool(given: string | null): Promise<Tool | string> {
  const reasons: string[] = [];
  for (const candidate of await candidates(given)) {
    const tool = typeof candidate === 'string' ? candidate : await tried(candidate);
    if (typeof tool !== 'string') return tool;
    reasons.push(tool);
  }
  return reasons.length === 0 ? 'there is none on the PATH' : reasons.join('; ');
}

/**
 * Why a ShellCheck that was named cannot be one: there is no such file, or it cannot be run. Null if it
 * can. Nothing is started.
 */
export async function unusable(given: string): Promise<string | null> {
  const [found] = await candidates(given);
  return typeof found === 'string' ? found : null;
}

/** A path is relative to where the user stands; a name is looked up on the PATH. */
async function candidates(given: string | null): Promise<readonly (Candidate | string)[]> {
  const { which } = await import('zx/core');
  if (given !== null) {
    const path = given.includes('/') ? resolve(given) : await which(given, { nothrow: true });
    const problem = path === null ? 'it is not on the PATH' : obstacle(path);
    if (path === null || problem !== null) return [`${given}: ${problem}`];
    return [{ from: given, command: path, args: [] }];
  }
  const onPath = (await which('shellcheck', { all: true, nothrow: true })) ?? [];
  // npm puts its wrapper on the PATH under the same name. It is used last.
  const system = onPath.filter((path) => !realpathSync(path).endsWith('.js'));
  const named = system.map((path) => ({ from: path, command: resolve(path), args: [] }));
  return [...named, ...wrapper()];
}

function obstacle(path: string): string | null {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return 'there is no such file';
  if (!found.isFile()) return 'it is not a file';
  try {
    accessSync(path, constants.X_OK);
    return null;
  } catch {
    return 'it is not executable';
  }
}

// The wrapper exits if it cannot write its binary, so it gets a process of its own.
function wrapper(): readonly Candidate[] {
  try {
    const main = fileURLToPath(import.meta.resolve('shellcheck'));
    const cli = join(dirname(dirname(main)), 'bin', 'shellcheck.js');
    if (!existsSync(cli)) return [];
    return [{ from: 'the npm package shellcheck', command: process.execPath, args: [cli] }];
  } catch {
    return [];
  }
}

async function tried(candidate: Candidate): Promise<Tool | string> {
  const { from, command, args } = candidate;
  const limit = args.length > 0 ? wrapperLimit : startLimit;
  const said = await run(command, [...args, '--version'], { cwd: dirname(command), limit });
  const version = /^version: (.+)$/mu.exec(said.stdout)?.[1];
  if (version === undefined) {
    return `${from}: ${said.failure ?? said.firstLine ?? 'it does not print a version'}`;
  }
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major < oldest[0] || (major === oldest[0] && minor < oldest[1])) {
    return `${from}: version ${version} is older than ${oldest.join('.')}`;
  }
  return { ...candidate, version };
}

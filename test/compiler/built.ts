// The built program in a directory with a space in its name, without the sources.

import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What a run of the program printed. */
interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** How the program is run. Of the environment, only PATH is passed on. */
interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
}

/** A built program. */
export interface Built {
  /** The directory, also for other files. The caller removes it. */
  readonly place: string;
  readonly cli: string;
  readonly plan: (args: readonly string[], options?: RunOptions) => Ran;
}

/** Builds the program. Throws what the compiler of TypeScript reports. */
export function built(): Built {
  const home = fileURLToPath(new URL('../../', import.meta.url));
  const place = mkdtempSync(join(tmpdir(), 'plan cli '));
  const build = spawnSync(
    join(home, 'node_modules/.bin/tsc'),
    ['-p', join(home, 'tsconfig.json'), '--outDir', join(place, 'dist')],
    { encoding: 'utf8' },
  );
  if (build.status !== 0) throw new Error(build.stdout);
  cpSync(join(home, 'templates'), join(place, 'templates'), { recursive: true });
  cpSync(join(home, 'package.json'), join(place, 'package.json'));
  symlinkSync(join(home, 'node_modules'), join(place, 'node_modules'));
  const cli = join(place, 'dist/cli.js');
  const plan = (args: readonly string[], options: RunOptions = {}) =>
    spawnSync(process.execPath, [cli, ...args], {
      encoding: 'utf8',
      cwd: options.cwd ?? place,
      env: { PATH: process.env.PATH ?? '', ...options.env },
      ...(options.input === undefined ? {} : { input: options.input }),
    });
  return { place, cli, plan };
}

// Turns a Debian into one that has PostgreSQL, and pinned requirements into a folder with Patroni.

import { createHash } from 'node:crypto';
import { access, mkdir, mkdtemp, readdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { $ } from 'zx';

/** What an instance is made of. Machines see this computer's /usr, so `postgres` is valid there. */
export type Software = {
  /** Folder of initdb, postgres and psql. */
  readonly postgres: string;
  /** Folder of Python packages, to be copied onto each machine. */
  readonly patroni: string;
};

/** Debian's own Python: the one that machines see too. */
export const python = '/usr/bin/python3';

const requirements = fileURLToPath(new URL('./requirements.txt', import.meta.url));
const cache = fileURLToPath(new URL('../../../.cache/', import.meta.url));
const versions = '/usr/lib/postgresql';

/**
 * Installs PostgreSQL from Debian, and Patroni from PyPI below `.cache`, where they are missing.
 *
 * @throws where it may not: the message names the packages.
 */
export async function installDatabases(): Promise<Software> {
  const missing: string[] = [];
  if ((await newestPostgres()) === null) missing.push('postgresql');
  if (!(await exists('/usr/share/doc/python3-pip'))) missing.push('python3-pip');
  if (missing.length > 0) await installPackages(missing);
  const postgres = await newestPostgres();
  if (postgres === null) throw new Error(`no PostgreSQL below ${versions}`);
  return { postgres, patroni: await installPatroni() };
}

async function installPackages(packages: readonly string[]): Promise<void> {
  if (process.getuid?.() !== 0 || !(await exists('/usr/bin/apt-get'))) {
    throw new Error(`the lab's databases need, by their Debian names: ${packages.join(' ')}`);
  }
  console.log(`lab: installing ${packages.join(' ')}`);
  // At runlevel 1 Debian starts no server of its own, which would outlive the lab.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  await $({ quiet: true, env })`apt-get update`;
  await $({ quiet: true, env })`apt-get install -y --no-install-recommends ${packages}`;
}

/** `/usr/lib/postgresql/15/bin`, or null where there is no server. */
async function newestPostgres(): Promise<string | null> {
  const numbers = (await readdir(versions).catch(() => [])).map(Number).sort((a, b) => b - a);
  for (const number of numbers) {
    const folder = join(versions, String(number), 'bin');
    if (await exists(join(folder, 'postgres'))) return folder;
  }
  return null;
}

/** The folder's name is the digest of what is in it, so that other pins make another folder. */
async function installPatroni(): Promise<string> {
  const digest = createHash('sha256').update(await readFile(requirements));
  const goal = join(cache, `patroni-${digest.digest('hex').slice(0, 12)}`);
  if (await exists(goal)) return goal;
  await mkdir(cache, { recursive: true });
  const fresh = await mkdtemp(join(cache, 'patroni-new-'));
  const exactly = ['--no-deps', '--require-hashes', '--no-build-isolation'];
  await $({
    quiet: true,
  })`${python} -m pip install --quiet --target ${fresh} ${exactly} --requirement ${requirements}`;
  // mkdtemp makes it root's alone; on the machines PostgreSQL's own user reads it.
  await $({ quiet: true })`chmod 755 ${fresh}`;
  await rename(fresh, goal);
  return goal;
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

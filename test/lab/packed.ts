// A cluster and its inventory -> archives with their own tools, and a person who unpacks each on its host.

import { readFileSync } from 'node:fs';
import { copyFile, mkdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { $, which } from 'zx';
import { type Cluster, hostOf } from './cluster.ts';
import { attempt, copyIn, run } from './machines.ts';
import { type Bundle, compileBundle, newOperator, type Operator } from './operator.ts';

const cli = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));
const tools = ['etcd', 'etcdctl', 'etcdutl', 'jq'];

/** What "plan pack" has written and printed. */
export type Archives = {
  readonly bundle: Bundle;
  /** By host. */
  readonly files: ReadonlyMap<string, string>;
  /** The two lines that unpack and verify an archive, with `HOST` for the host in its name. */
  readonly lines: readonly string[];
  /** The folder that is unpacked, in the directory of the archive. */
  readonly folder: string;
};

/** Compiles with the etcd tools of the lab and the jq of this computer, and packs. */
export async function packBundle(cluster: Cluster, inventory: unknown): Promise<Archives> {
  const directory = join(cluster.network.state.directory, 'releases');
  await mkdir(directory, { recursive: true });
  for (const name of tools) {
    const from = name === 'jq' ? await which('jq') : join(cluster.network.tools, name);
    await copyFile(from, join(directory, name));
  }
  const bundle = await compileBundle(cluster, inventory, 'packed', null, ['--tools', directory]);
  const { stdout } = await $({
    quiet: true,
  })`${process.execPath} ${cli} pack ${bundle.directory}`;
  const files = new Map(
    cluster.hosts.map(({ id }) => [
      id,
      join(`${bundle.directory}-packed`, `${bundle.plan.cluster.name}-${id}.tar.gz`),
    ]),
  );
  const lines = stdout
    .split('\n')
    .filter((line) => line.startsWith('  '))
    .map((line) => line.trim().replace(/-[^ ]+(?=\.tar\.gz )/u, '-HOST'));
  const folder = / && cd (\S+) && /u.exec(lines[0] ?? '')?.[1];
  if (lines.length !== 2 || folder === undefined) throw new Error(`not two lines:\n${stdout}`);
  return { bundle, files, lines, folder };
}

/** Hides the tools that a machine has from one command; others do not see the difference. */
const script = readFileSync(new URL('without-tools.sh', import.meta.url), 'utf8');
const hidden = ['unshare', '--mount', 'bash', '-c', script, 'without-tools.sh'];

/** A person who works on machines that have no etcd tools and no jq. Nothing is carried yet. */
export const sendWithoutTools = (
  { bundle, folder }: Archives,
  cluster: Cluster,
  label: string,
): Promise<Operator> => newOperator(cluster, bundle, label, `/root/${folder}`, hidden);

/**
 * Copies the archive of a host to it, and types the two lines there.
 *
 * @throws if it does not verify, if scripts of other hosts are in it, or if a tool is still found.
 */
export async function unpackOn(
  { bundle, files, lines, folder }: Archives,
  cluster: Cluster,
  id: string,
): Promise<void> {
  const { machine } = hostOf(cluster, id);
  const archive = files.get(id) ?? '';
  await copyIn(machine, archive, join('/root', basename(archive)));
  const [first = '', second = ''] = lines.map((line) => line.replace('HOST', id));
  const typed = await run(machine, ['bash', '-c', `cd /root && ${first}\n${second}`]);
  if (!typed.stdout.endsWith('as stated\n')) throw new Error(`${id}: ${typed.stdout}`);
  const there = await run(machine, ['find', join('/root', folder), '-name', '*-on-*.sh']);
  const own = [...bundle.turns, ...bundle.plan.asides].filter(({ host }) => host === id);
  if (there.stdout.trim().split('\n').length !== own.length) {
    throw new Error(
      `${id} has not exactly its own scripts in ${dirname(archive)}:\n${there.stdout}`,
    );
  }
  const found = await attempt(machine, [...hidden, 'bash', '-c', `type -P ${tools.join(' ')}`]);
  if (found.stdout !== '') throw new Error(`${id} still has tools: ${found.stdout}`);
  await run(machine, [...hidden, 'bash', join('/root', folder, 'review.sh')]);
}

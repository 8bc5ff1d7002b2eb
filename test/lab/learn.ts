// A running cluster -> the inventory that `plan init` writes, which makes the bundle of the one by hand.

import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Cluster, stackFileOf } from './cluster.ts';
import { outside } from './machines.ts';
import { type Bundle, compileBundle } from './operator.ts';

type Values = Record<string, unknown>;

/**
 * Compiles what `plan init` learns from the API and the stack file, after the owner has answered its
 * questions, and throws if a file of the bundle differs. The inventory itself and its sum do.
 *
 * @returns the proof in words.
 */
export async function proveInit(
  cluster: Cluster,
  byHand: unknown,
  bundle: Bundle,
  candidate: string,
): Promise<string> {
  const [first] = cluster.hosts;
  if (first === undefined) throw new Error('a cluster needs a host');
  const folder = join(cluster.network.state.directory, 'bundles');
  const [stack, out] = [join(folder, 'stack.yaml'), join(folder, 'init.json')];
  await writeFile(stack, stackFileOf(cluster));
  await rm(out, { force: true });
  const cli = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));
  const api = `http://${first.machine.address}:${first.ports.api}`;
  const sources = ['--from', api, '--from-stack', stack];
  const ran = await outside(cluster.network, [
    process.execPath,
    cli,
    'init',
    ...sources,
    '--out',
    out,
  ]);
  if (ran.status !== 0) throw new Error(`plan init failed: ${ran.stdout}${ran.stderr}`);
  const learned = JSON.parse(await readFile(out, 'utf8')) as Values;
  const { notes, recovery, swarm } = byHand as Values;
  const answered = {
    ...learned,
    notes,
    recovery,
    swarm,
    hosts: (learned.hosts as readonly Values[]).map((host) => ({ ...host, machineId: null })),
  };
  const own = await compileBundle(cluster, answered, 'learned', candidate);
  const wanted = await contents(bundle.directory);
  const found = await contents(own.directory);
  const paths = [...new Set([...wanted.keys(), ...found.keys()])];
  const differing = paths.filter((path) => wanted.get(path) !== found.get(path));
  if (differing.length > 0) throw new Error(`plan init: other files: ${differing.join(', ')}`);
  return `plan init from the API and the stack file: ${paths.length} files, the same as by hand`;
}

async function contents(directory: string): Promise<ReadonlyMap<string, string>> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile() && !['inventory.json', 'SHA256SUMS'].includes(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
  const texts = files.map(async (path): Promise<[string, string]> => {
    return [path.slice(directory.length + 1), await readFile(path, 'utf8')];
  });
  return new Map(await Promise.all(texts));
}

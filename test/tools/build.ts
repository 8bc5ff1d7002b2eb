// Turns a pinned go.mod into a directory of tools; the one in this folder: etcd and its commands.

import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { $ } from 'zx';

const here = fileURLToPath(new URL('.', import.meta.url));
const cache = fileURLToPath(new URL('../../.cache/', import.meta.url));

/** The oldest Go that can read a go.mod, and the toolchain module to fetch if it is missing. */
type GoRelease = { readonly minor: number; readonly patch: number; readonly toolchain: string };

/** Binaries that are built from one pinned go.mod. */
export type PinnedTools = {
  /** The directory of the go.mod. */
  readonly from: string;
  /** The directory below `.cache` that receives the binaries. */
  readonly into: string;
  /** Go package and use of cgo, by the name each binary gets. */
  readonly packages: Readonly<Record<string, { readonly source: string; readonly cgo: boolean }>>;
  /** Files below `from`. A change in one of them means that everything is built again. */
  readonly sources: readonly string[];
  readonly go: GoRelease;
};

const etcdGo: GoRelease = { minor: 24, patch: 0, toolchain: 'go1.24.13' };

/**
 * Builds etcd, etcdctl and etcdutl 3.6, and our recorder of program starts.
 *
 * @returns the absolute path of the directory that holds the binaries.
 */
export const buildTools = (): Promise<string> =>
  buildPinned({
    from: here,
    into: 'tools',
    packages: {
      etcd: { source: 'go.etcd.io/etcd/server/v3', cgo: false },
      etcdctl: { source: 'go.etcd.io/etcd/etcdctl/v3', cgo: false },
      etcdutl: { source: 'go.etcd.io/etcd/etcdutl/v3', cgo: false },
      'exec-recorder': { source: './exec-recorder', cgo: false },
    },
    sources: ['go.mod', 'go.sum', 'exec-recorder/main.go'],
    go: etcdGo,
  });

/**
 * Builds pinned tools, unless `.cache` holds what the same sources made and the binaries still have
 * the recorded sums.
 *
 * @returns the absolute path of the directory that holds the binaries.
 * @throws if Go is missing and cannot be installed; the message names what to install.
 */
export async function buildPinned(tools: PinnedTools): Promise<string> {
  const directory = join(cache, tools.into);
  const stamp = join(directory, 'SHA256SUMS');
  const names = Object.keys(tools.packages);
  const pins = await digestOf(...tools.sources.map((name) => join(tools.from, name)));
  const built = await readFile(stamp, 'utf8').catch(() => '');
  if (built === (await sumsOf(directory, names, pins))) return directory;
  const go = await findGo(tools.go);
  await mkdir(cache, { recursive: true });
  const fresh = await mkdtemp(join(cache, `${tools.into}-`));
  for (const [name, { source, cgo }] of Object.entries(tools.packages)) {
    const flags = { CGO_ENABLED: cgo ? '1' : '0', GOFLAGS: '-mod=readonly -buildvcs=false' };
    await $({
      cwd: tools.from,
      quiet: true,
      env: { ...process.env, ...flags },
    })`${go} build -trimpath -ldflags=-s -o ${join(fresh, name)} ${source}`;
  }
  await chmod(fresh, 0o755);
  await writeFile(join(fresh, 'SHA256SUMS'), await sumsOf(fresh, names, pins));
  await rm(directory, { recursive: true, force: true });
  await rename(fresh, directory);
  return directory;
}

/** The first line names the sources, the others are `sha256  name` of each binary that exists. */
async function sumsOf(directory: string, names: readonly string[], pins: string): Promise<string> {
  const lines = [`${pins}  sources`];
  for (const name of names) {
    const path = join(directory, name);
    lines.push(`${await digestOf(path).catch(() => 'missing')}  ${name}`);
  }
  return `${lines.join('\n')}\n`;
}

async function digestOf(...paths: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  for (const path of paths) hash.update(await readFile(path));
  return hash.digest('hex');
}

/**
 * Finds a Go that is new enough, or makes one: Debian's, then the toolchain as a Go module.
 *
 * @returns the path of a `go` command.
 */
export async function findGo(oldest: GoRelease = etcdGo): Promise<string> {
  const fetched = join(cache, oldest.toolchain, 'bin', 'go');
  for (const go of ['go', '/usr/local/go/bin/go', fetched]) {
    const { minor, patch } = await releaseOf(go);
    if (minor > oldest.minor || (minor === oldest.minor && patch >= oldest.patch)) return go;
  }
  if ((await releaseOf('go')).minor === 0) {
    if (process.getuid?.() !== 0) {
      throw new Error(`Go 1.${oldest.minor}.${oldest.patch} or newer is needed`);
    }
    await $({ quiet: true })`apt-get update`;
    await $({ quiet: true })`apt-get install -y --no-install-recommends golang-go ca-certificates`;
  }
  await fetchToolchain(oldest.toolchain, join(cache, oldest.toolchain));
  return fetched;
}

/** The 24 and the 5 of go1.24.5, or zeros if the command does not exist. */
async function releaseOf(go: string): Promise<{ readonly minor: number; readonly patch: number }> {
  const answer = await $({ nothrow: true, quiet: true, cwd: tmpdir() })`${go} version`;
  const found = /go1\.(\d+)(?:\.(\d+))?/.exec(answer.stdout);
  return { minor: Number(found?.[1] ?? 0), patch: Number(found?.[2] ?? 0) };
}

/** Any Go since 1.11 can download the toolchain as a module; modules carry no exec bits. */
async function fetchToolchain(toolchain: string, goal: string): Promise<void> {
  const architecture = { x64: 'amd64', arm64: 'arm64' }[process.arch as string];
  const module = `golang.org/toolchain@v0.0.1-${toolchain}.linux-${architecture}`;
  const scratch = await mkdtemp(join(tmpdir(), 'toolchain-'));
  await writeFile(join(scratch, 'go.mod'), 'module fetch\n');
  const answer = await $({ cwd: scratch, quiet: true })`go mod download -json ${module}`;
  const { Dir } = JSON.parse(answer.stdout) as { readonly Dir: string };
  await mkdir(cache, { recursive: true });
  await $({ quiet: true })`cp -r ${Dir} ${goal}`;
  await $({ quiet: true })`chmod -R u+w ${goal}`;
  for (const folder of ['bin', `pkg/tool/linux_${architecture}`]) {
    const directory = join(goal, folder);
    for (const name of await readdir(directory)) await chmod(join(directory, name), 0o755);
  }
  await rm(scratch, { recursive: true, force: true });
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  console.log(await buildTools());
}

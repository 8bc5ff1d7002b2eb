// Turns the pinned go.mod beside this file into a directory of tools: etcd and its two commands.

import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { $ } from 'zx';

const here = fileURLToPath(new URL('.', import.meta.url));
const cache = fileURLToPath(new URL('../../.cache/', import.meta.url));

/** The Go packages of the tools, by the name each binary gets. */
const packages = {
  etcd: 'go.etcd.io/etcd/server/v3',
  etcdctl: 'go.etcd.io/etcd/etcdctl/v3',
  etcdutl: 'go.etcd.io/etcd/etcdutl/v3',
  'exec-recorder': './exec-recorder',
} as const;

/** The oldest Go that reads our go.mod, and the toolchain module fetched where it is missing. */
const oldestGo = { minor: 24, toolchain: 'go1.24.13' } as const;

/** Whatever changes one of these changes what is built. */
const sources = ['go.mod', 'go.sum', 'exec-recorder/main.go'] as const;

/**
 * Builds etcd, etcdctl and etcdutl 3.6, and our recorder of program starts, without cgo, unless
 * `.cache/tools` holds what the same sources made and the binaries still have the recorded sums.
 *
 * @returns the absolute path of the directory that holds the binaries.
 * @throws if Go is missing and cannot be installed; the message names what to install.
 */
export async function buildTools(): Promise<string> {
  const directory = join(cache, 'tools');
  const stamp = join(directory, 'SHA256SUMS');
  const pins = await digestOf(...sources.map((name) => join(here, name)));
  if ((await readFile(stamp, 'utf8').catch(() => '')) === (await sumsOf(directory, pins))) {
    return directory;
  }
  const go = await findGo();
  await mkdir(cache, { recursive: true });
  const fresh = await mkdtemp(join(cache, 'tools-'));
  for (const [name, source] of Object.entries(packages)) {
    const goal = join(fresh, name);
    await $({
      cwd: here,
      quiet: true,
      env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-mod=readonly -buildvcs=false' },
    })`${go} build -trimpath -ldflags=-s -o ${goal} ${source}`;
  }
  await chmod(fresh, 0o755);
  await writeFile(join(fresh, 'SHA256SUMS'), await sumsOf(fresh, pins));
  await rm(directory, { recursive: true, force: true });
  await rename(fresh, directory);
  return directory;
}

/** The first line names the sources, the others are `sha256  name` of each binary that exists. */
async function sumsOf(directory: string, pins: string): Promise<string> {
  const lines = [`${pins}  sources`];
  for (const name of Object.keys(packages)) {
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
export async function findGo(): Promise<string> {
  const fetched = join(cache, oldestGo.toolchain, 'bin', 'go');
  for (const go of ['go', '/usr/local/go/bin/go', fetched]) {
    if ((await minorOf(go)) >= oldestGo.minor) return go;
  }
  if ((await minorOf('go')) === 0) {
    if (process.getuid?.() !== 0) {
      throw new Error(`Go 1.${oldestGo.minor} or newer is needed: apt-get install golang-go`);
    }
    await $({ quiet: true })`apt-get update`;
    await $({ quiet: true })`apt-get install -y --no-install-recommends golang-go ca-certificates`;
  }
  await fetchToolchain(join(cache, oldestGo.toolchain));
  return fetched;
}

/** The 24 of go1.24.5, or 0 where the command does not exist. */
async function minorOf(go: string): Promise<number> {
  const answer = await $({ nothrow: true, quiet: true, cwd: tmpdir() })`${go} version`;
  return Number(/go1\.(\d+)/.exec(answer.stdout)?.[1] ?? 0);
}

/** Any Go since 1.11 can download the toolchain as a module; modules carry no exec bits. */
async function fetchToolchain(goal: string): Promise<void> {
  const architecture = { x64: 'amd64', arm64: 'arm64' }[process.arch as string];
  const module = `golang.org/toolchain@v0.0.1-${oldestGo.toolchain}.linux-${architecture}`;
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

// Turns a name and an address into a machine: Linux namespaces, a folder as its disk, a dockerd.

import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { mkdir, readFile, readlink, rename, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { $ } from 'zx';
import type { Engine } from './engine/build.ts';
import { forgetNamespaces, recordProcess, type State, saveState, startOf } from './state.ts';

/** The wire between the machines: a bridge in a network namespace that no real card is part of. */
export type Network = {
  readonly state: State;
  /** The process that holds the bridge's namespace open. */
  readonly pid: number;
  /** First three numbers of every address, as `10.99.0`. */
  readonly prefix: string;
  /** Directory of etcd, etcdctl and etcdutl; every machine sees it as /opt/etcd. */
  readonly tools: string;
  readonly engine: Engine;
  /** Machines outlive this process, for people who want to look around. */
  readonly keep: boolean;
};

/** One computer of the lab. Its disk survives a power cut, everything else does not. */
export type Machine = {
  readonly name: string;
  readonly address: string;
  readonly network: Network;
  /** Control Plane 0.6 asks the kernel for its address by way of a default route. */
  readonly defaultRoute: boolean;
  readonly power: { pid: number | null; boots: number; disks: number };
};

/** What a command on a machine left behind. */
export type Ran = {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly seconds: number;
};

export type RunOptions = {
  readonly stdin?: string;
  /** Added to a bare PATH, HOME and LANG. */
  readonly env?: Readonly<Record<string, string>>;
  /** Seconds until the command and all it started are killed; status is then 124. */
  readonly timeout?: number;
};

const here = fileURLToPath(new URL('.', import.meta.url));

/** Where dockerd looks for its helpers and people for their tools. */
const bareEnvironment = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
  LANG: 'C.UTF-8',
} as const;

/** What of the outer /etc a machine needs; the rest (users' secrets, Docker's settings) stays out. */
const sharedSettings = [
  'alternatives',
  'ethertypes',
  'group',
  'host.conf',
  'ld.so.cache',
  'ld.so.conf',
  'ld.so.conf.d',
  'localtime',
  'nsswitch.conf',
  'os-release',
  'passwd',
  'profile',
  'protocols',
  'services',
  'ssl',
] as const;

/** Starts the wire. Its address `.254` is the operator's workstation, see {@link outside}. */
export async function createNetwork(
  state: State,
  tools: string,
  engine: Engine,
  keep: boolean,
  prefix = '10.99.0',
): Promise<Network> {
  const script = [
    'ip link set lo up',
    'ip link add lab0 type bridge',
    `ip address add ${prefix}.254/24 dev lab0`,
    'ip link set lab0 up',
    'exec sleep infinity',
  ];
  const holder = launch(['unshare', '--net', 'bash', '-ec', script.join('\n')], keep, 'ignore');
  const pid = await recordLaunch(state, holder);
  const network = { state, pid, prefix, tools, engine, keep };
  await until('the bridge of the lab', 10, async () => {
    const seen = await outside(network, ['ip', '-br', 'link', 'show', 'lab0']);
    return seen.status === 0 && seen.stdout.includes('lab0') ? true : null;
  });
  await recordNamespaces(state, pid);
  return network;
}

/** Makes a machine with an empty disk; it is off. */
export async function createMachine(
  network: Network,
  name: string,
  number: number,
  defaultRoute: boolean,
): Promise<Machine> {
  const machine: Machine = {
    name,
    address: `${network.prefix}.${number}`,
    network,
    defaultRoute,
    power: { pid: null, boots: 0, disks: 0 },
  };
  await makeDisk(machine);
  return machine;
}

/** The folder that holds a machine's root file system. */
export const rootOf = (machine: Machine): string =>
  join(machine.network.state.directory, 'machines', machine.name, 'root');

const cgroupOf = (machine: Machine): string => {
  const { owner, directory } = machine.network.state;
  return `plan-lab-${owner.pid}-${basename(directory)}-${machine.name}`;
};

async function makeDisk(machine: Machine): Promise<void> {
  const root = rootOf(machine);
  const folders = ['dev', 'etc', 'home', 'mnt', 'opt/etcd', 'proc', 'root', 'run', 'srv', 'sys'];
  const more = ['opt/engine', 'tmp', 'usr', 'var/lib/docker', 'var/log', 'var/tmp', '.outer'];
  for (const folder of [...folders, ...more]) await mkdir(join(root, folder), { recursive: true });
  for (const link of ['bin', 'lib', 'lib64', 'sbin'])
    await symlink(`usr/${link}`, join(root, link));
  await symlink('/run', join(root, 'var/run'));
  await $({
    quiet: true,
    nothrow: true,
  })`cp -a ${sharedSettings.map((n) => `/etc/${n}`)} ${join(root, 'etc')}`;
  const texts = {
    hostname: `${machine.name}\n`,
    hosts: `127.0.0.1 localhost\n${machine.address} ${machine.name}\n`,
    'resolv.conf': '',
    'machine-id': `${randomBytes(16).toString('hex')}\n`,
  };
  for (const [name, text] of Object.entries(texts)) await writeFile(join(root, 'etc', name), text);
  machine.power.disks += 1;
}

/** Another computer under the same name and address: empty disk, new machine id. It is off. */
export async function replaceMachine(machine: Machine): Promise<void> {
  if (machine.power.pid !== null) throw new Error(`${machine.name} is on: cut its power first`);
  const folder = dirname(rootOf(machine));
  await rename(folder, `${folder}.lost-${machine.power.disks}`);
  await makeDisk(machine);
}

/** Boots a machine and waits until its dockerd answers. */
export async function powerOn(machine: Machine): Promise<void> {
  if (machine.power.pid !== null) return;
  const { network, power } = machine;
  const { state } = network;
  const cgroup = cgroupOf(machine);
  if (!state.cgroups.includes(cgroup)) state.cgroups.push(cgroup);
  power.boots += 1;
  const disk = dirname(rootOf(machine));
  const gateway = machine.defaultRoute ? `${network.prefix}.253` : 'none';
  const { tools, engine } = network;
  const fixed = [disk, machine.name, `${machine.address}/24`, tools, cgroup, gateway];
  const own = [...fixed, engine.directory ?? 'debian', ...engine.options];
  const spaces = ['--net', '--mount', '--uts', '--ipc', '--pid', '--fork', '--kill-child=KILL'];
  const log = openSync(join(disk, 'console.log'), 'a');
  const init = ['bash', join(here, 'machine-init.sh'), ...own];
  const outer = launch(['unshare', ...spaces, ...init], network.keep, log);
  closeSync(log);
  const outerPid = await recordLaunch(state, outer);
  const pid = await until(`the first process of ${machine.name}`, 10, () => onlyChild(outerPid));
  await recordProcess(state, pid);
  power.pid = pid;
  noteMachine(machine, pid);
  const port = portOf(machine);
  const cable = ['link', 'add', port, 'netns', String(network.pid), 'type', 'veth'];
  await $({ quiet: true })`ip ${cable} peer name eth0 netns ${pid}`;
  const plug = `ip link set ${port} master lab0 && ip link set ${port} up`;
  await must(outside(network, ['sh', '-c', plug]));
  await recordNamespaces(state, pid);
  await until(`dockerd of ${machine.name}`, 60, async () => {
    if ((await startOf(pid)) === null) throw new Error(await lastWords(machine));
    // Not `docker info`: on a manager without its Swarm that takes 20 s.
    const answer = await attempt(machine, ['docker', 'version', '--format', '{{.Server.Os}}']);
    return answer.status === 0 ? true : null;
  });
}

function noteMachine(machine: Machine, pid: number | null): void {
  const { state } = machine.network;
  const others = state.machines.filter((one) => one.name !== machine.name);
  const now = pid === null ? others : [...others, { name: machine.name, pid }];
  state.machines.splice(0, state.machines.length, ...now);
  saveState(state);
}

async function lastWords(machine: Machine): Promise<string> {
  const texts = [`${machine.name} died while booting`];
  for (const path of ['../console.log', 'var/log/dockerd.log']) {
    const text = await readFile(join(rootOf(machine), path), 'utf8').catch(() => '');
    texts.push(text.slice(-1500));
  }
  return texts.join('\n');
}

/** A new port for each boot: the kernel takes its time to forget the old one. */
const portOf = (machine: Machine): string =>
  `p${machine.address.split('.')[3]}b${machine.power.boots}`;

/**
 * Pulls the plug. First the cable, then the process: a machine without power says no goodbye, so
 * its peers see silence and not closed connections. The disk stays.
 */
export async function powerCut(machine: Machine): Promise<void> {
  const { pid } = machine.power;
  if (pid === null) return;
  await partition(machine);
  const own = await namespacesOf(pid);
  process.kill(pid, 'SIGKILL');
  await until(`the end of ${machine.name}`, 20, async () =>
    (await startOf(pid)) === null ? true : null,
  );
  machine.power.pid = null;
  noteMachine(machine, null);
  await forgetNamespaces(machine.network.state, own);
  // The port is a leftover of the wire; deleting it also frees the dead machine's addresses.
  await outside(machine.network, ['ip', 'link', 'delete', portOf(machine)]);
}

/** Unplugs the network cable. The machine continues to run. */
export async function partition(machine: Machine): Promise<void> {
  await must(outside(machine.network, ['ip', 'link', 'set', portOf(machine), 'down']));
}

/** Plugs the network cable in again. */
export async function heal(machine: Machine): Promise<void> {
  await must(outside(machine.network, ['ip', 'link', 'set', portOf(machine), 'up']));
}

/** Runs a command on a machine as root, in its home directory; never throws for its status. */
export function attempt(
  machine: Machine,
  argv: readonly string[],
  options: RunOptions = {},
): Promise<Ran> {
  return begin(machine, argv, options).done;
}

/** As {@link attempt}, but a status other than 0 is an error that shows what the command said. */
export function run(
  machine: Machine,
  argv: readonly string[],
  options: RunOptions = {},
): Promise<Ran> {
  return must(attempt(machine, argv, options), `${machine.name}: ${argv.join(' ')}`);
}

/** Runs a command at the operator's workstation: on the wire, but on none of the machines. */
export function outside(
  network: Network,
  argv: readonly string[],
  options: RunOptions = {},
): Promise<Ran> {
  return execute(['nsenter', '--target', String(network.pid), '--net', ...argv], options).done;
}

/** Starts a command on a machine without waiting; `kill` ends it and all that it started. */
export function begin(
  machine: Machine,
  argv: readonly string[],
  options: RunOptions = {},
): { readonly done: Promise<Ran>; readonly kill: () => Promise<void> } {
  const { pid } = machine.power;
  if (pid === null) throw new Error(`${machine.name} is off`);
  return execute(['nsenter', '--target', String(pid), '--all', ...argv], options);
}

/** Copies a file or folder of this computer onto a machine's disk, on or off. */
export async function copyIn(machine: Machine, from: string, to: string): Promise<void> {
  const goal = join(rootOf(machine), to);
  await mkdir(dirname(goal), { recursive: true });
  await $({ quiet: true })`cp -a --no-target-directory ${from} ${goal}`;
}

/**
 * Asks again and again until the answer is not null.
 *
 * @throws when `seconds` are over, naming what was awaited.
 */
export async function until<T>(
  what: string,
  seconds: number,
  look: () => Promise<T | null>,
): Promise<T> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const seen = await look();
    if (seen !== null) return seen;
    if (Date.now() > deadline) throw new Error(`timed out after ${seconds} s waiting for ${what}`);
    await sleep(100);
  }
}

async function must(ran: Promise<Ran>, what = 'command'): Promise<Ran> {
  const { status, stdout, stderr } = await ran;
  if (status === 0) return ran;
  throw new Error(`${what}\nended with status ${status}\n${stdout}${stderr}`.trimEnd());
}

/** Starts a process that must not outlive this one, unless the machines are to be kept. */
function launch(argv: readonly string[], keep: boolean, output: 'ignore' | number): ChildProcess {
  const all = keep ? argv : ['setpriv', '--pdeathsig', 'KILL', ...argv];
  const [command = '', ...rest] = all;
  const child = spawn(command, rest, {
    detached: true,
    env: bareEnvironment,
    stdio: ['ignore', output, output],
  });
  child.unref();
  return child;
}

async function recordLaunch(state: State, child: ChildProcess): Promise<number> {
  if (child.pid === undefined) throw new Error(`cannot start ${child.spawnfile}`);
  await recordProcess(state, child.pid);
  return child.pid;
}

async function recordNamespaces(state: State, pid: number): Promise<void> {
  state.namespaces.push(...(await namespacesOf(pid)));
  saveState(state);
}

/** Those a process has for itself; the network's holder shares all but one with this computer. */
async function namespacesOf(pid: number): Promise<readonly string[]> {
  const own: string[] = [];
  for (const kind of ['net', 'mnt', 'uts', 'ipc', 'pid'] as const) {
    const id = await readlink(`/proc/${pid}/ns/${kind}`);
    if (id !== (await readlink(`/proc/self/ns/${kind}`))) own.push(id);
  }
  return own;
}

async function childrenOf(pid: number): Promise<readonly number[]> {
  const path = `/proc/${pid}/task/${pid}/children`;
  const text = await readFile(path, 'utf8').catch(() => '');
  return text.split(' ').filter(Boolean).map(Number);
}

async function onlyChild(pid: number): Promise<number | null> {
  return (await childrenOf(pid))[0] ?? null;
}

function execute(
  argv: readonly string[],
  options: RunOptions,
): { readonly done: Promise<Ran>; readonly kill: () => Promise<void> } {
  const [command = '', ...rest] = argv;
  const begun = Date.now();
  const child = spawn(command, rest, { env: { ...bareEnvironment, ...options.env } });
  const kill = (): Promise<void> =>
    child.pid === undefined ? Promise.resolve() : killTree(child.pid);
  const done = new Promise<Ran>((resolve, reject) => {
    let stdout = '';
    let stderr = '';
    let late = false;
    const limit = options.timeout ?? 900;
    const timer = setTimeout(() => {
      late = true;
      void kill();
    }, limit * 1000);
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      const status = late ? 124 : (code ?? (signal === 'SIGKILL' ? 137 : 128));
      resolve({ status, stdout, stderr, seconds: (Date.now() - begun) / 1000 });
    });
    // A command that does not read its input may be gone before all is written.
    child.stdin.on('error', () => {});
    child.stdin.end(options.stdin ?? '');
  });
  return { done, kill };
}

/** Stops a process first, so that it starts no more, then kills its descendants, then itself. */
async function killTree(pid: number): Promise<void> {
  for (const signal of ['SIGSTOP', 'SIGKILL'] as const) {
    if (signal === 'SIGKILL') for (const child of await childrenOf(pid)) await killTree(child);
    try {
      process.kill(pid, signal);
    } catch {
      return;
    }
  }
}

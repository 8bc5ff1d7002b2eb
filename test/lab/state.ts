// Turns what a lab run has made on this computer into a file, and that file into a clean computer.

import { renameSync, writeFileSync } from 'node:fs';
import { mkdir, readdir, readFile, readlink, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A process that this lab started; `started` (clock ticks since boot) distinguishes a reused pid. */
type Recorded = { readonly pid: number; readonly started: string };

/** What one run has made. Everything else it makes lies below `directory` or dies with a process. */
export type State = {
  readonly directory: string;
  readonly owner: Recorded;
  readonly processes: Recorded[];
  /** As `processes`, and never forgotten, for the residue report. */
  readonly everStarted: Recorded[];
  /** First processes of the machines now running, for people who want to enter one. */
  readonly machines: { readonly name: string; readonly pid: number }[];
  /** Names below each cgroup hierarchy, as `plan-lab-1234-host-1`. */
  readonly cgroups: string[];
  /** Namespace ids (`net:[4026532000]`) of machines that are not yet known to be gone. */
  readonly namespaces: string[];
};

/** Where machines' disks and state files live, one folder for each lane of a lab run. */
export const labDirectory = process.env.PLAN_LAB_DIRECTORY ?? '/var/lib/plan-lab';

const stateFile = (directory: string): string => join(directory, 'state.json');

/** Start time of a process in clock ticks since boot, or null where it does not exist. */
export async function startOf(pid: number): Promise<string | null> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  if (stat === null) return null;
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // A zombie has released everything; only its parent can make it go.
  return fields[0] === 'Z' ? null : (fields[19] ?? null);
}

/**
 * Cleans up after runs that were killed.
 *
 * @throws if a lab run that is still alive uses the lab directory.
 */
export async function sweep(): Promise<void> {
  for (const name of await readdir(labDirectory).catch(() => [])) {
    const left = await readState(join(labDirectory, name));
    if (left === null) continue;
    if (await isAlive(left.owner)) {
      throw new Error(`another lab run (process ${left.owner.pid}) uses ${labDirectory}`);
    }
    await cleanUp(left);
  }
}

/** Opens a lane: a folder of its own for one scenario after another. */
export async function openState(lane: string): Promise<State> {
  const directory = join(labDirectory, lane);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const owner = { pid: process.pid, started: (await startOf(process.pid)) ?? '0' };
  const state = {
    directory,
    owner,
    processes: [],
    everStarted: [],
    machines: [],
    cgroups: [],
    namespaces: [],
  };
  saveState(state);
  return state;
}

/** The state an earlier run left in a directory, or null. */
async function readState(directory: string): Promise<State | null> {
  const text = await readFile(stateFile(directory), 'utf8').catch(() => null);
  return text === null ? null : (JSON.parse(text) as State);
}

/** Writes the state completely or not at all; in one go, because machines boot side by side. */
export function saveState(state: State): void {
  const path = stateFile(state.directory);
  writeFileSync(`${path}.new`, JSON.stringify(state), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** Records a process before anything can go wrong with it. */
export async function recordProcess(state: State, pid: number): Promise<void> {
  const started = await startOf(pid);
  if (started !== null) {
    state.processes.push({ pid, started });
    state.everStarted.push({ pid, started });
  }
  saveState(state);
}

/** Kills what was recorded, removes its cgroups and files; safe to call twice. */
export async function cleanUp(state: State): Promise<void> {
  await endProcesses(state);
  await refuseMountsBelow(state.directory);
  await rm(state.directory, { recursive: true, force: true });
  // Goes with the last lane.
  await rmdir(labDirectory).catch(() => {});
}

/** Ends a scenario: its processes and files go, what was recorded stays recorded. */
export async function clearLane(state: State): Promise<void> {
  await endProcesses(state);
  await refuseMountsBelow(state.directory);
  for (const name of await readdir(state.directory)) {
    if (name === 'state.json') continue;
    await rm(join(state.directory, name), { recursive: true, force: true });
  }
}

/** Kills what was recorded and removes its cgroups. */
async function endProcesses(state: State): Promise<void> {
  for (const recorded of state.processes) {
    if (await isAlive(recorded)) kill(recorded.pid);
  }
  const deadline = Date.now() + 20_000;
  for (const recorded of state.processes) {
    while ((await isAlive(recorded)) && Date.now() < deadline) await sleep(50);
  }
  for (const name of state.cgroups) await removeCgroup(name, deadline);
  await forgetNamespaces(state, state.namespaces);
  state.processes.length = 0;
  state.machines.length = 0;
  saveState(state);
}

/**
 * Forgets the namespaces that no process lives in any more, giving the dead a moment to go. The
 * kernel gives their ids to others soon, so later nobody could tell whose they are.
 */
export async function forgetNamespaces(state: State, ids: readonly string[]): Promise<void> {
  const deadline = Date.now() + 10_000;
  let living = await namespacesInUse();
  while (ids.some((id) => living.has(id)) && Date.now() < deadline) {
    await sleep(100);
    living = await namespacesInUse();
  }
  const gone = new Set(ids.filter((id) => !living.has(id)));
  const kept = state.namespaces.filter((id) => !gone.has(id));
  state.namespaces.splice(0, state.namespaces.length, ...kept);
  saveState(state);
}

async function namespacesInUse(): Promise<ReadonlySet<string>> {
  const inUse = new Set<string>();
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    for (const kind of ['net', 'mnt', 'uts', 'ipc', 'pid']) {
      inUse.add(await readlink(`/proc/${pid}/ns/${kind}`).catch(() => ''));
    }
  }
  return inUse;
}

async function isAlive(recorded: Recorded): Promise<boolean> {
  return (await startOf(recorded.pid)) === recorded.started;
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone between the look and the kill.
  }
}

/** Removes one named cgroup from every hierarchy; containers' own groups lie below it. */
async function removeCgroup(name: string, deadline: number): Promise<void> {
  const top = '/sys/fs/cgroup';
  const hierarchies = await readdir(top, { withFileTypes: true }).catch(() => []);
  const roots = [top, ...hierarchies.filter((e) => e.isDirectory()).map((e) => join(top, e.name))];
  for (const root of roots) {
    // Busy until the last process of a dead machine is reaped.
    while (!(await removeGroupTree(join(root, name))) && Date.now() < deadline) await sleep(100);
  }
}

/** True once the group does not exist (any more). */
async function removeGroupTree(path: string): Promise<boolean> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => null);
  if (entries === null) return true;
  for (const entry of entries) {
    if (entry.isDirectory()) await removeGroupTree(join(path, entry.name));
  }
  return rmdir(path).then(
    () => true,
    () => false,
  );
}

/** Deleting through a mount would delete what is mounted there. */
async function refuseMountsBelow(directory: string): Promise<void> {
  const mounts = await readFile('/proc/self/mountinfo', 'utf8');
  const below = mounts.split('\n').filter((line) => line.split(' ')[4]?.startsWith(directory));
  if (below.length > 0) throw new Error(`still mounted below ${dirname(directory)}: ${below[0]}`);
}

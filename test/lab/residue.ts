// Turns this computer's processes, namespaces, mounts, links and cgroups into a list that can be
// compared before and after, so that a lab run can show that it left nothing behind.

import { readdir, readFile, readlink } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { $ } from 'zx';
import type { State } from './state.ts';

/** One list of names per kind of thing; a name is unique for the life of the thing. */
export type Computer = Readonly<Record<Kind, ReadonlySet<string>>>;
type Kind = 'processes' | 'namespaces' | 'mounts' | 'links' | 'cgroups' | 'lab files';

/** What this computer holds now. Kernel threads come and go by themselves and are left out. */
export async function takeStock(directory: string): Promise<Computer> {
  const processes = new Set<string>();
  const namespaces = new Set<string>();
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
    if (stat === null) continue;
    const name = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'));
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [parent, started] = [fields[1], fields[19]];
    if (pid === '2' || parent === '2' || Number(pid) === process.pid) continue;
    const space = await readlink(`/proc/${pid}/ns/pid`).catch(() => '');
    processes.add(`${pid} ${started} ${name} ${space}`);
    for (const kind of await readdir(`/proc/${pid}/ns`).catch(() => [])) {
      const id = await readlink(`/proc/${pid}/ns/${kind}`).catch(() => null);
      if (id !== null) namespaces.add(id);
    }
  }
  const mounts = (await readFile('/proc/self/mountinfo', 'utf8')).trimEnd().split('\n');
  return {
    processes,
    namespaces,
    mounts: new Set(mounts.map((line) => line.split(' ').slice(3, 5).join(' '))),
    links: await linksHere(),
    cgroups: new Set(await cgroupsBelow('/sys/fs/cgroup', 3)),
    'lab files': new Set(await readdir(directory).catch(() => [])),
  };
}

/** Bridges, veth pairs and all other network devices, by name. */
async function linksHere(): Promise<ReadonlySet<string>> {
  const answer = await $({ quiet: true, nothrow: true })`ip -o link show`;
  const names = [...answer.stdout.matchAll(/^\d+: ([^:@]+)/gm)].map((match) => match[1] ?? '');
  return new Set(names.length > 0 ? names : Object.keys(networkInterfaces()));
}

async function cgroupsBelow(path: string, depth: number): Promise<readonly string[]> {
  if (depth === 0) return [];
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  const below = entries.filter((entry) => entry.isDirectory()).map((e) => join(path, e.name));
  const deeper = await Promise.all(below.map((one) => cgroupsBelow(one, depth - 1)));
  return [...below, ...deeper.flat()];
}

/** What a lab left, and what merely happened on the computer meanwhile. */
export type Residue = {
  readonly lines: readonly string[];
  /** New things that belong to the lab: its processes, namespaces, cgroups, mounts, files. */
  readonly ours: readonly string[];
};

/** Compares two lists; what others start meanwhile is reported and is no failure. */
export function compareStock(before: Computer, after: Computer, states: readonly State[]): Residue {
  const lines: string[] = [];
  const ours: string[] = [];
  for (const kind of Object.keys(before) as Kind[]) {
    const added = [...after[kind]].filter((name) => !before[kind].has(name));
    const left = added.filter((name) => states.some((state) => isOurs(kind, name, state)));
    const foreign = added.length - left.length;
    const gone = [...before[kind]].filter((name) => !after[kind].has(name)).length;
    const numbers = `${before[kind].size} before, ${after[kind].size} after`;
    const others = foreign + gone > 0 ? ` (not the lab's: ${foreign} new, ${gone} ended)` : '';
    lines.push(`${kind}: ${numbers}, left behind ${left.length}${others}`);
    ours.push(...left.map((name) => `${kind}: ${name}`));
  }
  return { lines, ours };
}

function isOurs(kind: Kind, name: string, state: State): boolean {
  switch (kind) {
    case 'lab files':
      return true;
    case 'namespaces':
      return state.namespaces.includes(name);
    case 'cgroups':
      return state.cgroups.some((group) => name.includes(group));
    case 'links':
      return /^lab0$|^p\d+b\d+$/.test(name);
    case 'mounts':
      return name.includes(state.directory);
    case 'processes':
      // By what the lab has started, and by the machine a process lives in.
      return (
        state.everStarted.some(({ pid, started }) => name.startsWith(`${pid} ${started} `)) ||
        state.namespaces.some((id) => name.includes(id))
      );
  }
}

// A script's place -> its path in the bundle. The number is its place in the order of execution, and
// the host after `-on-` is where it runs.

import type { HostId } from '../hosts.ts';
import type { Turn } from './ir.ts';

/** What decides the path of a script. */
type Named = Pick<Turn, 'role' | 'host' | 'subject' | 'when'>;

/** What a script does, in the words of its name. */
const verbs: Readonly<Record<Turn['role'], string>> = {
  prepare: 'prepare',
  restore: 'restore',
  rewrite: 'rewrite',
  start: 'start',
  reattach: 'reattach',
  remove: 'remove',
  join: 'join',
  'client-swarm': 'enter-swarm',
  client: 'start-client',
  'client-clear': 'clear',
  'client-join': 'join-client',
  verify: 'verify',
  snapshot: 'snapshot',
  undo: 'undo',
};

/** The folder of scripts that are not part of the expected way; the expected ones are in none. */
const folders: Readonly<Record<Turn['when'], string>> = {
  always: '',
  'if-needed': 'if-needed/',
  before: 'before/',
  undo: 'undo/',
};

/**
 * `reattach-on-host-2`; `remove-host-2-on-host-1` if a script runs on another host than the one it is
 * about.
 */
function nameOf({ role, host, subject }: Named): string {
  const about = subject === host ? '' : `-${subject}`;
  return `${verbs[role]}${about}-on-${host}`;
}

/** The path of a script outside the recovery: it may run at any time, so it has no number. */
export function asidePath(role: 'snapshot' | 'undo', host: HostId): string {
  const when = role === 'snapshot' ? 'before' : 'undo';
  return `${folders[when]}${nameOf({ role, host, subject: host, when })}.sh`;
}

/**
 * The paths of the scripts of the recovery, given in the order of execution. In each folder the numbers
 * start at 1, have no gap and have one width: the byte order of names is the order of execution, and no
 * two names are equal whatever the ids are.
 */
export function pathsOf(scripts: readonly Named[]): readonly string[] {
  const total = new Map<string, number>();
  for (const { when } of scripts) total.set(when, (total.get(when) ?? 0) + 1);
  const used = new Map<string, number>();
  return scripts.map((script) => {
    const number = (used.get(script.when) ?? 0) + 1;
    used.set(script.when, number);
    const width = Math.max(2, String(total.get(script.when)).length);
    return `${folders[script.when]}${String(number).padStart(width, '0')}-${nameOf(script)}.sh`;
  });
}

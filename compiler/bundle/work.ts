// A place for a bundle -> a hidden directory next to it, which one run at a time may use.
//
//   .NAME.partial-XXXXXX/owner.json   whose it is; .NAME.lock is a second name of this file
//   .NAME.partial-XXXXXX/new/         the bundle as it is written and checked
//   .NAME.partial-XXXXXX/old/         what the target held, between two renames

import {
  constants,
  copyFileSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { codeOf, isRefusal } from './text.ts';
import { exists, isDirectory, isFile } from './tree.ts';

/** The hidden directory of this run. */
export interface Work {
  /** The directory that the run is about, as an absolute path. */
  readonly target: string;
  readonly directory: string;
  /** Where the new bundle is made. */
  readonly fresh: string;
  /** Where the old one is put. */
  readonly old: string;
  /** Removes what is not in its place, and unlocks. It may be called twice. */
  readonly close: () => void;
}

/** A run that has the lock. */
interface Owner {
  readonly format: 'plan-lock/1';
  readonly machine: string;
  readonly pid: number;
  /** Differs for two processes that had the same number; null if the system does not say. */
  readonly started: string | null;
}

/** How many bytes a name can have, so that ours next to it are not too long. */
export const longestName = 255 - '..partial-XXXXXX'.length;

/**
 * Takes the lock of a target and makes the directory. A string says who has the lock.
 * Throws what the file system throws; then nothing is left.
 */
export function openWork(target: string): Work | string {
  const parent = dirname(target);
  const made = makeFolder(parent);
  const lock = join(parent, `.${basename(target)}.lock`);
  const directory = mkdtempSync(join(parent, prefixOf(target)));
  let locked = false;
  const close = () => {
    process.off('exit', close);
    // The next run sweeps what cannot be removed now.
    quietly(() => settle(directory, target));
    if (locked) quietly(() => rmSync(lock, { force: true }));
    locked = false;
    if (made !== null) removeEmpty(parent, dirname(made));
  };
  // Also if a signal or a bug ends this run.
  process.on('exit', close);
  try {
    writeFileSync(join(directory, 'owner.json'), JSON.stringify(self()));
    const holder = takeLock(lock, directory);
    locked = holder === null;
    if (holder !== null) {
      close();
      return holder;
    }
    sweep(target, directory);
  } catch (error) {
    close();
    throw error;
  }
  const [fresh, old] = [join(directory, 'new'), join(directory, 'old')];
  return { target, directory, fresh, old, close };
}

function prefixOf(target: string): string {
  return `.${basename(target)}.partial-`;
}

/** Null if the lock is ours now, or else who has it. */
function takeLock(lock: string, directory: string): string | null {
  for (let attempt = 0; attempt < 10; attempt += 1) {
    try {
      sameFile(join(directory, 'owner.json'), lock);
      return null;
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
    }
    const owner = ownerIn(lock);
    if (owner === null) {
      if (exists(lock)) return `${lock} is there, and is not a lock of plan`;
      continue;
    }
    if (isAlive(owner)) return `process ${owner.pid} on ${owner.machine} is at work (${lock})`;
    takeAway(lock, owner, directory);
  }
  return `${lock} is taken again and again`;
}

/** Creates the second name at once with its content, unless there is a file of this name. */
function sameFile(file: string, name: string): void {
  try {
    linkSync(file, name);
  } catch (error) {
    // Some file systems have no second names.
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(codeOf(error)))
      throw error;
    copyFileSync(file, name, constants.COPYFILE_EXCL);
  }
}

/** Removes the lock of a run that has ended, unless another run was faster. */
function takeAway(lock: string, owner: Owner, directory: string): void {
  const away = join(directory, 'stale-lock');
  try {
    renameSync(lock, away);
    if (JSON.stringify(ownerIn(away)) !== JSON.stringify(owner)) sameFile(away, lock);
    rmSync(away, { force: true });
  } catch (error) {
    if (!['ENOENT', 'EEXIST'].includes(codeOf(error))) throw error;
  }
}

/** What runs that were killed have left next to the target. Only what states its owner is ours. */
function sweep(target: string, own: string): void {
  const parent = dirname(target);
  for (const name of readdirSync(parent)) {
    const directory = join(parent, name);
    if (!name.startsWith(prefixOf(target)) || directory === own || !isDirectory(directory))
      continue;
    const owner = ownerIn(join(directory, 'owner.json'));
    if (owner !== null && !isAlive(owner)) settle(directory, target);
  }
}

/** Ends a hidden directory. What the target held goes back, or is kept under a name that is seen. */
function settle(directory: string, target: string): void {
  const old = join(directory, 'old');
  if (isDirectory(old)) {
    if (exists(target)) keep(old, target);
    else renameSync(old, target);
  }
  // If a signal ends this run, files that are being written may still appear.
  for (let attempt = 0; attempt < 10; attempt += 1) {
    const names = existing(directory);
    for (const name of names.filter((each) => ownNames.test(each))) {
      quietly(() => rmSync(join(directory, name), { recursive: true, force: true }));
    }
    const left = existing(directory);
    // What is not ours stays, with the file that states the owner of the rest.
    if (left.every((name) => name === 'owner.json')) break;
    if (!left.some((name) => ownNames.test(name))) return;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
  }
  // Last, so that the rest stays known as ours if this run is killed, too.
  rmSync(join(directory, 'owner.json'), { force: true });
  if (existing(directory).length === 0 && exists(directory)) rmdirSync(directory);
}

const ownNames = /^(?:new|stale-lock|lint-.{6})$/u;

function quietly(act: () => void): void {
  try {
    act();
  } catch (error) {
    if (!isRefusal(error)) throw error;
  }
}

function existing(directory: string): readonly string[] {
  return isDirectory(directory) ? readdirSync(directory) : [];
}

/** Renames a directory to a name next to the target that is not taken, and returns it. */
export function keep(directory: string, target: string): string {
  for (let number = 1; ; number += 1) {
    const name = `${target}.kept-${number}`;
    if (exists(name)) continue;
    renameSync(directory, name);
    return name;
  }
}

/**
 * Makes a folder and those above it, and returns the first one that was made. mkdirSync with
 * `recursive` never ends in /proc, where nothing can be made.
 */
function makeFolder(folder: string): string | null {
  if (exists(folder)) return null;
  const above = makeFolder(dirname(folder));
  mkdirSync(folder);
  return above ?? folder;
}

function removeEmpty(folder: string, upTo: string): void {
  for (let each = folder; each !== upTo && each !== dirname(each); each = dirname(each)) {
    try {
      rmdirSync(each);
    } catch {
      return;
    }
  }
}

function self(): Owner {
  const started = startOf(process.pid);
  return { format: 'plan-lock/1', machine: hostname(), pid: process.pid, started };
}

/** Whether a run may still be at work. On another machine nobody can tell. */
function isAlive({ machine, pid, started }: Owner): boolean {
  if (machine !== hostname()) return true;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (codeOf(error) === 'ESRCH') return false;
  }
  const now = startOf(pid);
  return started === null || now === null || started === now;
}

/** When a process started, in the words of Linux. */
function startOf(pid: number): string | null {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name of the program, in brackets, may hold spaces.
    return `${boot} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`;
  } catch {
    return null;
  }
}

function ownerIn(file: string): Owner | null {
  if (!isFile(file)) return null;
  try {
    const owner: Partial<Owner> | null = JSON.parse(readFileSync(file, 'utf8'));
    const { format, machine, pid, started = null } = owner ?? {};
    if (format !== 'plan-lock/1' || typeof machine !== 'string' || !Number.isInteger(pid))
      return null;
    return { format, machine, pid: Number(pid), started };
  } catch {
    return null;
  }
}

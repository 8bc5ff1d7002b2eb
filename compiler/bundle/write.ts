// Files -> a directory: either the complete new bundle or unchanged. What is not ours is never lost.

import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmdirSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Diagnostic, diagnostic } from '../diagnostic.ts';
import { sha256 } from '../sha256.ts';
import { bytesOf, type Contents, manifestName, manifestText, readManifest } from './bundle.ts';
import { bundlePaths } from './mark.ts';
import { entries, exists, isDirectory, isFile, modeOf } from './tree.ts';
import { keep, longestName, type Work } from './work.ts';

/** What a directory held when it was looked at: the digest of each file. Null: there was none. */
export type Seen = ReadonlyMap<string, string> | null;

/** What is at the target: why it cannot be replaced, or what it holds. */
export interface Look {
  readonly blocked: readonly Diagnostic[];
  readonly seen: Seen;
}

/** Why no bundle can be put at a place, whatever is there; empty if one can. */
export function unfitPlace(target: string): readonly Diagnostic[] {
  const place = resolve(target);
  const report = reporter(target);
  const unfit = (what: string) => [report('BUN016', what)];
  if (basename(place) === '') return unfit('this is the root directory');
  if (Buffer.byteLength(basename(place)) > longestName) {
    return unfit(`the name has more than ${longestName} bytes`);
  }
  const found = lstatSync(place, { throwIfNoEntry: false });
  if (found === undefined) return [];
  if (found.isSymbolicLink()) return unfit('this is a symbolic link');
  if (!found.isDirectory()) return [report('BUN002', `${target} is not a directory`)];
  const real = realpathSync(place);
  if (`${realpathSync('.')}${sep}`.startsWith(`${real}${sep}`)) {
    return unfit('this is the current directory, or contains it');
  }
  if (found.dev !== lstatSync(dirname(real)).dev) return unfit('this is a mount point');
  return [];
}

/** Looks at a target. Throws what the file system throws. */
export function look(target: string): Look {
  const place = resolve(target);
  if (!exists(place)) return { blocked: [], seen: null };
  const report = reporter(target);
  const refused = (...blocked: readonly Diagnostic[]) => ({ blocked, seen: null });
  if (!isDirectory(place)) return refused(report('BUN002', `${target} is not a directory`));
  const found = entries(place);
  if (found.length === 0) return { blocked: [], seen: new Map() };
  const ours = bundlePaths(place);
  if (typeof ours === 'string') {
    return refused(report('BUN002', `${target} holds ${found[0]} and is not a bundle: ${ours}`));
  }
  const sums = manifestOf(place);
  if (sums === null) {
    return refused(report('BUN004', `${manifestName} is missing or was changed by hand`));
  }
  const seen = new Map<string, string>();
  const blocked = found.flatMap((path) => {
    const now = digestAt(join(place, path));
    seen.set(path, now);
    if (!ours.has(path)) return [report('BUN003', `${path} is not part of the bundle`)];
    if (path === manifestName || sums.get(path) === now) return [];
    const what = sums.has(path) ? 'does not match' : 'is not listed in';
    return [report(sums.has(path) ? 'BUN004' : 'BUN003', `${path} ${what} ${manifestName}`)];
  });
  return { blocked, seen };
}

/** Writes the files to the work directory, and returns their paths. Other work can run in between. */
export async function stage({ fresh }: Work, files: Contents): Promise<readonly string[]> {
  const paths: string[] = [];
  const made = new Set<string>();
  mkdirSync(fresh);
  for (const file of files) {
    const path = join(fresh, file.path);
    makeFolders(fresh, file.path, made);
    writeFileSync(path, bytesOf(file));
    chmodSync(path, file.mode);
    paths.push(file.path);
    // A signal is heard only between two turns of the event loop.
    if (paths.length % 32 === 0) await nextTurn();
  }
  chmodSync(fresh, 0o755);
  return paths;
}

// Modes are set explicitly, so that the umask does not affect the bundle.
function makeFolders(root: string, path: string, made: Set<string>): void {
  const parts = path.split('/').slice(0, -1);
  for (const [index] of parts.entries()) {
    const folder = parts.slice(0, index + 1).join('/');
    if (made.has(folder)) continue;
    mkdirSync(join(root, folder));
    chmodSync(join(root, folder), 0o755);
    made.add(folder);
  }
}

/** What became of a target. `kept`: what changed in the meantime, and where the old bundle is now. */
export interface Published {
  readonly state: 'written' | 'unchanged';
  readonly kept: readonly Diagnostic[];
}

/**
 * Renames a staged bundle to its target, which must hold what was seen. Throws what the file system
 * throws, after the old bundle is back in its place.
 */
export function publish(work: Work, paths: readonly string[], seen: Seen): Published {
  const { target, fresh, old } = work;
  if (isSame(work, paths, seen)) return { state: 'unchanged', kept: [] };
  if (exists(target)) renameSync(target, old);
  try {
    renameSync(fresh, target);
  } catch (error) {
    if (exists(old)) renameSync(old, target);
    throw error;
  }
  return { state: 'written', kept: exists(old) ? removeSeen(old, target, seen ?? new Map()) : [] };
}

function isSame({ target, fresh }: Work, paths: readonly string[], seen: Seen): boolean {
  if (seen === null || seen.size !== paths.length) return false;
  return paths.every(
    (path) =>
      seen.get(path) === digestAt(join(fresh, path)) &&
      modeOf(join(fresh, path)) === modeOf(join(target, path)),
  );
}

/** Deletes the old bundle if it is as it was seen. Otherwise all of it is kept, and named. */
function removeSeen(old: string, target: string, seen: ReadonlyMap<string, string>) {
  const changed = changesSince(old, seen);
  if (changed.length === 0) removeFiles(old, [...seen.keys()]);
  // What came while it was deleted.
  const late = exists(old) && changed.length === 0 ? entries(old) : [];
  if (changed.length === 0 && !exists(old)) return [];
  const kept = basename(keep(old, target));
  return [...changed, ...late].map((path) =>
    diagnostic(
      'BUN014',
      { file: target, position: null },
      {
        what: `${path} was changed while plan was running; it is kept in ${kept}`,
        why: 'The new bundle is in its place, and the old one would have been deleted.',
        remedy: `Take what you need from ${kept}, which is next to the new bundle, and remove it.`,
      },
    ),
  );
}

function changesSince(place: string, seen: ReadonlyMap<string, string>): readonly string[] {
  if (!isDirectory(place)) return [basename(place)];
  const found = new Set(entries(place));
  const missing = [...seen.keys()].filter((path) => !found.has(path));
  const other = [...found].filter((path) => seen.get(path) !== digestAt(join(place, path)));
  return [...other, ...missing];
}

/** Deletes these files and the folders that become empty, and nothing else. */
function removeFiles(root: string, paths: readonly string[]): void {
  const folders = new Set<string>();
  for (const path of paths) {
    unlinkSync(join(root, path));
    for (let folder = dirname(path); folder !== '.'; folder = dirname(folder)) folders.add(folder);
  }
  const deepestFirst = [...folders].sort((a, b) => b.split('/').length - a.split('/').length);
  for (const path of [...deepestFirst.map((folder) => join(root, folder)), root]) {
    if (readdirSync(path).length === 0) rmdirSync(path);
  }
}

/** The digest of a file; for anything else, what it is. */
function digestAt(path: string): string {
  return isFile(path) ? sha256(readFileSync(path)) : 'not a file';
}

/** The digests in a manifest exactly as this compiler writes it. */
function manifestOf(directory: string): ReadonlyMap<string, string> | null {
  const path = join(directory, manifestName);
  if (!isFile(path)) return null;
  const text = readFileSync(path, 'utf8');
  const sums = readManifest(text);
  if (sums === null || manifestText(sums) !== text) return null;
  return new Map(sums.map((sum) => [sum.path, sum.sha256]));
}

const advice = {
  BUN002: ['plan replaces only bundles.', 'Give an empty or new directory, or one with a bundle.'],
  BUN003: ['Replacing the bundle would delete it.', 'Move it, or write to another directory.'],
  BUN004: [
    'The file was changed, and replacing the bundle would lose the change.',
    'Write to another directory and compare, or rename the old bundle.',
  ],
  BUN016: [
    'A bundle takes its place by one rename, so that it is never incomplete.',
    'Give a directory inside it, or another one: --out DIRECTORY.',
  ],
} as const;

function reporter(file: string): (code: keyof typeof advice, what: string) => Diagnostic {
  return (code, what) => {
    const [why, remedy] = advice[code];
    return diagnostic(code, { file, position: null }, { what, why, remedy });
  };
}

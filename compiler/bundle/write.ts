// Files -> a directory that is the bundle whole or as it was before; or what differs from one.

import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { type Diagnostic, diagnostic } from '../diagnostic.ts';
import { type Files, manifestName, readManifest, sha256 } from './bundle.ts';

// Synchronous on purpose: many small files, one after another, and nothing else to do meanwhile.

/** A bundle written beside its place, not yet in it. */
export interface Staged {
  /** Where it lies for now. */
  readonly directory: string;
  /** Where it is to be. */
  readonly target: string;
  readonly paths: readonly string[];
}

/** Writes the files to a new directory beside the target. Throws what the file system throws. */
export function stage(target: string, files: Files): Staged {
  const place = resolve(target);
  mkdirSync(dirname(place), { recursive: true });
  const directory = mkdtempSync(join(dirname(place), `.${basename(place)}.partial-`));
  const paths: string[] = [];
  try {
    const made = new Set<string>();
    for (const file of files) {
      const path = join(directory, file.path);
      makeFolders(directory, file.path, made);
      writeFileSync(path, file.text);
      chmodSync(path, file.mode);
      paths.push(file.path);
    }
    chmodSync(directory, 0o755);
  } catch (error) {
    rmSync(directory, { recursive: true, force: true });
    throw error;
  }
  return { directory, target: place, paths };
}

// Modes are set outright: the umask of whoever compiles must not show in the bundle.
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

/** Takes a staged bundle back. */
export function discard({ directory }: Staged): void {
  rmSync(directory, { recursive: true, force: true });
}

/** Why the target's place cannot be taken; none where it is free, or a bundle nobody changed. */
export function obstacles(target: string): readonly Diagnostic[] {
  const place = resolve(target);
  if (!exists(place)) return [];
  const report = reporter(target);
  if (!lstatSync(place).isDirectory()) {
    return [report('BUN002', `${target} is not a directory`)];
  }
  const found = walk(place);
  if (found.length === 0) return [];
  const sums = manifestOf(place);
  if (sums === null) {
    return [report('BUN002', `${target} holds ${found[0]} and no ${manifestName} of a bundle`)];
  }
  const listed = new Map(sums.map((sum) => [sum.path, sum.sha256]));
  return found
    .filter((path) => path !== manifestName)
    .flatMap((path) => {
      const sum = listed.get(path);
      if (sum === undefined) return [report('BUN003', `${path} is not listed in ${manifestName}`)];
      const same = isFile(join(place, path)) && sha256(readFileSync(join(place, path))) === sum;
      return same ? [] : [report('BUN004', `${path} is not as ${manifestName} has it`)];
    });
}

/**
 * Puts a staged bundle in its place. Call only where there are no obstacles. Answers `unchanged`
 * where the bundle was there already. Throws what the file system throws; the old one is back then.
 */
export function publish(staged: Staged): 'written' | 'unchanged' {
  const { directory, target } = staged;
  if (!exists(target)) {
    renameSync(directory, target);
    return 'written';
  }
  const old = manifestOf(target);
  const same =
    old !== null &&
    readFileSync(join(target, manifestName), 'utf8') ===
      readFileSync(join(directory, manifestName), 'utf8') &&
    staged.paths.every((path) => sameMode(join(directory, path), join(target, path)));
  if (same) {
    discard(staged);
    return 'unchanged';
  }
  const aside = mkdtempSync(join(dirname(target), `.${basename(target)}.replaced-`));
  const kept = join(aside, basename(target));
  renameSync(target, kept);
  try {
    renameSync(directory, target);
  } catch (error) {
    renameSync(kept, target);
    rmdirSync(aside);
    throw error;
  }
  removeListed(kept, old === null ? [] : [...old.map((sum) => sum.path), manifestName]);
  if (!exists(kept)) rmdirSync(aside);
  return 'written';
}

/** Deletes the listed files and the folders they leave empty, and nothing else. */
function removeListed(root: string, paths: readonly string[]): void {
  const folders = new Set(['.']);
  for (const path of paths) {
    if (exists(join(root, path))) unlinkSync(join(root, path));
    for (let folder = dirname(path); folder !== '.'; folder = dirname(folder)) folders.add(folder);
  }
  // Deepest first. A folder that is not empty holds something that is not ours.
  for (const folder of [...folders].sort((a, b) => b.length - a.length)) {
    const path = join(root, folder);
    if (exists(path) && readdirSync(path).length === 0) rmdirSync(path);
  }
}

/** What a directory has differently from the files: missing, changed, extra, another mode. */
export function compare(target: string, files: Files): readonly Diagnostic[] {
  const place = resolve(target);
  const report = reporter(target);
  const expected = new Set<string>();
  const differences: Diagnostic[] = [];
  for (const file of files) {
    expected.add(file.path);
    const path = join(place, file.path);
    if (!exists(path)) {
      differences.push(report('BUN010', `${file.path} is missing`));
    } else if (!isFile(path) || readFileSync(path, 'utf8') !== file.text) {
      differences.push(report('BUN011', `${file.path} differs`));
    } else if (isExecutable(path) !== (file.mode & 0o111) > 0) {
      differences.push(report('BUN013', `${file.path} has the wrong mode`));
    }
  }
  const extra = exists(place) ? walk(place).filter((path) => !expected.has(path)) : [];
  return [
    ...differences,
    ...extra.map((path) => report('BUN012', `${path} does not belong to the bundle`)),
  ];
}

const advice = {
  BUN002: ['Only a bundle may be replaced.', 'Give a directory that is free or holds a bundle.'],
  BUN003: ['Replacing the bundle would lose it.', 'Move it elsewhere, or write somewhere else.'],
  BUN004: [
    'Replacing the bundle would lose what was changed by hand.',
    'Write to another directory and compare, or remove the old bundle yourself.',
  ],
  BUN010: ['Somebody would stand there without it.', 'Compile to a new directory and compare.'],
  BUN011: [
    'What was reviewed is not what this inventory and this compiler give.',
    'Compile to a new directory, compare, and review the difference.',
  ],
  BUN012: ['A stray script could be run by mistake.', 'Remove it, or compile to a new directory.'],
  BUN013: ['A script that is not executable stops somebody.', 'Copy the bundle with its modes.'],
} as const;

function reporter(file: string): (code: keyof typeof advice, what: string) => Diagnostic {
  return (code, what) => {
    const [why, remedy] = advice[code];
    return diagnostic(code, { file, position: null }, { what, why, remedy });
  };
}

function manifestOf(directory: string): ReturnType<typeof readManifest> {
  const path = join(directory, manifestName);
  return isFile(path) ? readManifest(readFileSync(path, 'utf8')) : null;
}

/** Everything below a directory that is no directory, by path, sorted. Links are not followed. */
function walk(root: string, below = ''): readonly string[] {
  return readdirSync(join(root, below), { withFileTypes: true })
    .flatMap((entry) => {
      const path = below === '' ? entry.name : `${below}/${entry.name}`;
      return entry.isDirectory() ? walk(root, path) : [path];
    })
    .sort();
}

// existsSync follows links; a dangling one is there all the same.
function exists(path: string): boolean {
  return existsSync(path) || lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function isFile(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

function isExecutable(path: string): boolean {
  return (lstatSync(path).mode & 0o111) > 0;
}

function sameMode(a: string, b: string): boolean {
  return isExecutable(a) === isExecutable(b);
}

// Files -> a directory: either the complete new bundle or unchanged. Also compares with a bundle.

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
import type { EmittedFile } from '../emit/script.ts';
import type { ToolFile } from '../tools/tool.ts';
import { type Contents, manifestName, readManifest, sha256 } from './bundle.ts';

// Synchronous on purpose: many small files, one after another, and nothing else to do.

/** A complete bundle next to its target, not yet renamed. */
export interface Staged {
  /** Where it is now. */
  readonly directory: string;
  /** Where it will be. */
  readonly target: string;
  readonly paths: readonly string[];
}

/** Writes the files to a new directory next to the target. Throws what the file system throws. */
export function stage(target: string, files: Contents): Staged {
  const place = resolve(target);
  mkdirSync(dirname(place), { recursive: true });
  const directory = mkdtempSync(join(dirname(place), `.${basename(place)}.partial-`));
  const paths: string[] = [];
  try {
    const made = new Set<string>();
    for (const file of files) {
      const path = join(directory, file.path);
      makeFolders(directory, file.path, made);
      writeFileSync(path, 'text' in file ? file.text : file.bytes);
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

/** Deletes a staged bundle. */
export function discard({ directory }: Staged): void {
  rmSync(directory, { recursive: true, force: true });
}

/** Why the target cannot be replaced; empty if it is free or an unchanged bundle. */
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
    return [report('BUN002', `${target} holds ${found[0]}, but no ${manifestName} of a bundle`)];
  }
  const listed = new Map(sums.map((sum) => [sum.path, sum.sha256]));
  return found
    .filter((path) => path !== manifestName)
    .flatMap((path) => {
      const sum = listed.get(path);
      if (sum === undefined) return [report('BUN003', `${path} is not listed in ${manifestName}`)];
      const same = isFile(join(place, path)) && sha256(readFileSync(join(place, path))) === sum;
      return same ? [] : [report('BUN004', `${path} does not match ${manifestName}`)];
    });
}

/**
 * Renames a staged bundle to its target. Call it only if there are no obstacles. Returns `unchanged`
 * if the same bundle is there. Throws what the file system throws, after restoring the old bundle.
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

/** Deletes the listed files and the folders that become empty, and nothing else. */
function removeListed(root: string, paths: readonly string[]): void {
  const folders = new Set(['.']);
  for (const path of paths) {
    if (exists(join(root, path))) unlinkSync(join(root, path));
    for (let folder = dirname(path); folder !== '.'; folder = dirname(folder)) folders.add(folder);
  }
  // Deepest first. A folder that is not empty holds files that are not ours.
  for (const folder of [...folders].sort((a, b) => b.length - a.length)) {
    const path = join(root, folder);
    if (exists(path) && readdirSync(path).length === 0) rmdirSync(path);
  }
}

/** How a directory differs from the files: missing, changed, extra or with another mode. */
export function compare(target: string, files: Contents): readonly Diagnostic[] {
  const place = resolve(target);
  const report = reporter(target);
  const expected = new Set<string>();
  const differences: Diagnostic[] = [];
  for (const file of files) {
    expected.add(file.path);
    const path = join(place, file.path);
    if (!exists(path)) {
      differences.push(report('BUN010', `${file.path} is missing`));
    } else if (!isFile(path) || !holds(path, file)) {
      differences.push(report('BUN011', `${file.path} differs`));
    } else if (isExecutable(path) !== (file.mode & 0o111) > 0) {
      differences.push(report('BUN013', `${file.path} has the wrong mode`));
    }
  }
  const extra = exists(place) ? walk(place).filter((path) => !expected.has(path)) : [];
  return [
    ...differences,
    ...extra.map((path) => report('BUN012', `${path} is not part of the bundle`)),
  ];
}

function holds(path: string, file: EmittedFile | ToolFile): boolean {
  return 'text' in file
    ? readFileSync(path, 'utf8') === file.text
    : readFileSync(path).equals(file.bytes);
}

const advice = {
  BUN002: ['plan replaces only bundles.', 'Give an empty or new directory, or one with a bundle.'],
  BUN003: ['Replacing the bundle would delete it.', 'Move it, or write to another directory.'],
  BUN004: [
    'The file was changed, and replacing the bundle would lose the change.',
    'Write to another directory and compare, or remove the old bundle yourself.',
  ],
  BUN010: ['The bundle is incomplete.', 'Compile to a new directory and compare.'],
  BUN011: [
    'The reviewed file is not what this inventory and this compiler produce.',
    'Compile to a new directory, compare, and review the difference.',
  ],
  BUN012: [
    'A leftover script could be run by mistake.',
    'Remove it, or compile to a new directory.',
  ],
  BUN013: ['Scripts are executable, other files are not.', 'Copy the bundle with its file modes.'],
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

/** The paths of everything in a directory except directories, sorted. Links are not followed. */
export function walk(root: string, below = ''): readonly string[] {
  return readdirSync(join(root, below), { withFileTypes: true })
    .flatMap((entry) => {
      const path = below === '' ? entry.name : `${below}/${entry.name}`;
      return entry.isDirectory() ? walk(root, path) : [path];
    })
    .sort();
}

// existsSync follows links, so it does not see a dangling one.
function exists(path: string): boolean {
  return existsSync(path) || lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** Whether it is a file, and no link to one. */
export function isFile(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

function isExecutable(path: string): boolean {
  return (lstatSync(path).mode & 0o111) > 0;
}

function sameMode(a: string, b: string): boolean {
  return isExecutable(a) === isExecutable(b);
}

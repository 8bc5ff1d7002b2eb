// What is in a directory: paths, kinds and modes. Links are not followed.

import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** The paths of everything in a directory except directories, sorted. */
export function walk(root: string): readonly string[] {
  return entries(root).filter((path) => !path.endsWith('/'));
}

/** The same, with each empty directory as `path/`. */
export function entries(root: string, below = ''): readonly string[] {
  return readdirSync(join(root, below), { withFileTypes: true })
    .flatMap((entry) => {
      const path = below === '' ? entry.name : `${below}/${entry.name}`;
      if (!entry.isDirectory()) return [path];
      const inside = entries(root, path);
      return inside.length === 0 ? [`${path}/`] : inside;
    })
    .sort();
}

/** Whether there is something, also a link that leads nowhere. */
export function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** Whether it is a file, and no link to one. */
export function isFile(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

/** Whether it is a directory, and no link to one. */
export function isDirectory(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** The mode of a file, such as 0o644. */
export function modeOf(path: string): number {
  return lstatSync(path).mode & 0o7777;
}

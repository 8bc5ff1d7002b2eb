// A bundle in a directory -> its files, and what does not match its SHA256SUMS.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { manifestName, readManifest, signatureName } from '../bundle/bundle.ts';
import { readText } from '../bundle/text.ts';
import { isFile, walk } from '../bundle/tree.ts';
import { type Diagnostic, diagnostic } from '../diagnostic.ts';
import { isRecoveryScript } from '../emit/parts.ts';
import { sha256 } from '../sha256.ts';

/** A bundle that was opened. Its files are read one at a time: all of them may not fit in memory. */
export interface OpenBundle {
  readonly directory: string;
  /** The sha256 of SHA256SUMS. */
  readonly manifest: string;
  /** What SHA256SUMS states for each file. */
  readonly sums: ReadonlyMap<string, string>;
}

/** Opens a bundle, or says why it is none. */
export function openBundle(directory: string): OpenBundle | Diagnostic {
  const path = join(directory, manifestName);
  if (!isFile(path)) return notABundle(directory, `there is no ${manifestName} in ${directory}`);
  const text = readText(path);
  if (typeof text !== 'string') return text;
  const sums = readManifest(text);
  if (sums === null) return notABundle(directory, `${path} is not the ${manifestName} of a bundle`);
  return {
    directory,
    manifest: sha256(text),
    sums: new Map(sums.map((sum) => [sum.path, sum.sha256])),
  };
}

function notABundle(file: string, what: string): Diagnostic {
  return diagnostic(
    'REV001',
    { file, position: null },
    {
      what,
      why: 'Without it nothing shows which files are part of the bundle.',
      remedy: 'Give the directory that "plan compile --out" wrote.',
    },
  );
}

/** The text of a recovery script of the bundle; null if the file is another one or cannot be read. */
export function scriptAt({ directory }: OpenBundle, path: string): string | null {
  if (!path.endsWith('.sh') || !isFile(join(directory, path))) return null;
  const text = readText(join(directory, path));
  return typeof text === 'string' && isRecoveryScript(text) ? text : null;
}

/** What does not match SHA256SUMS: changed, missing and extra files. */
export function compareWithSums({ directory, sums }: OpenBundle): readonly Diagnostic[] {
  const changed = [...sums].flatMap(([path, stated]) => {
    const found = digestAt(join(directory, path));
    if (found === stated) return [];
    const what = found.length === 64 ? `is sha256:${found}` : found;
    return [
      diagnostic(
        'REV002',
        { file: path, position: null },
        {
          what: `${path}: ${manifestName} states sha256:${stated}, the file ${what}`,
          why: 'It is not the file that was compiled and reviewed.',
          remedy: 'Do not use it. Copy the reviewed bundle again.',
        },
      ),
    ];
  });
  const extra = walk(directory)
    .filter((path) => path !== manifestName && path !== signatureName && !sums.has(path))
    .map((path) =>
      diagnostic(
        'REV003',
        { file: path, position: null },
        {
          what: `${path} is not listed in ${manifestName}`,
          why: 'It was not reviewed with the bundle and could be run by mistake.',
          remedy: 'Remove it from the bundle.',
        },
      ),
    );
  return [...changed, ...extra];
}

/** The digest of a file, or why there is none. */
function digestAt(path: string): string {
  if (!isFile(path)) return 'is missing';
  try {
    return sha256(readFileSync(path));
  } catch {
    return 'cannot be read';
  }
}

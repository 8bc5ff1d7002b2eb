// A bundle in a directory or an archive -> what is there: paths, sums, modes and the few texts that matter.

import { createHash, type Hash } from 'node:crypto';
import { closeSync, constants, createReadStream, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { createGunzip } from 'node:zlib';
import { manifestName, signatureName } from '../bundle/bundle.ts';
import { walk } from '../bundle/tree.ts';
import { BadArchive, isSafe, limits, tarReader } from './tar.ts';

/** One file that is there. */
interface SeenFile {
  readonly sha256: string;
  readonly executable: boolean;
}

/** A bundle, or a part of one, as it is. */
export interface Seen {
  readonly files: ReadonlyMap<string, SeenFile>;
  /** SHA256SUMS, its signature and each plan.json, by path. */
  readonly texts: ReadonlyMap<string, string>;
}

/** Bytes: texts that are kept are not larger. */
const largestText = 256 * 1024 * 1024;

function isKept(path: string): boolean {
  return path === manifestName || path === signatureName || /^(?:[^/]+\/)?plan\.json$/u.test(path);
}

/** Takes files one after another. */
function collector() {
  const files = new Map<string, SeenFile>();
  const texts = new Map<string, string>();
  let open: { path: string; mode: number; hash: Hash; kept: Buffer[] | null; size: number } | null =
    null;
  const close = (): void => {
    if (open === null) return;
    const { path, mode, hash, kept } = open;
    files.set(path, { sha256: hash.digest('hex'), executable: (mode & 0o111) > 0 });
    if (kept !== null) texts.set(path, Buffer.concat(kept).toString('utf8'));
    open = null;
  };
  return {
    begin(path: string, mode: number): void {
      close();
      open = { path, mode, hash: createHash('sha256'), kept: isKept(path) ? [] : null, size: 0 };
    },
    data(part: Uint8Array): void {
      if (open === null) return;
      open.hash.update(part);
      open.size += part.length;
      if (open.kept === null) return;
      if (open.size > largestText) throw new BadArchive(`${open.path} is too large`);
      open.kept.push(Buffer.from(part));
    },
    seen(): Seen {
      close();
      return { files, texts };
    },
  };
}

/**
 * What is in a directory. Links are not followed.
 *
 * @throws BadArchive for a link, a special file or a name that cannot be part of a bundle; and what the
 *   file system throws.
 */
export function seenInDirectory(directory: string): Seen {
  const collect = collector();
  const part = Buffer.alloc(1024 * 1024);
  for (const path of walk(directory)) {
    if (!isSafe(path)) throw new BadArchive(`the name ${JSON.stringify(path)} is not accepted`);
    const descriptor = openRegular(join(directory, path), path);
    try {
      const { mode, size } = fstatSync(descriptor);
      if (size > limits.file) throw new BadArchive(`${path} is larger than any file of a bundle`);
      collect.begin(path, mode);
      for (;;) {
        const length = readSync(descriptor, part);
        if (length === 0) break;
        collect.data(part.subarray(0, length));
      }
    } finally {
      closeSync(descriptor);
    }
  }
  return collect.seen();
}

function openRegular(file: string, path: string): number {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  let descriptor: number;
  try {
    descriptor = openSync(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    const link = error instanceof Error && 'code' in error && error.code === 'ELOOP';
    throw link ? new BadArchive(`${path} is a link`) : error;
  }
  if (fstatSync(descriptor).isFile()) return descriptor;
  closeSync(descriptor);
  throw new BadArchive(`${path} is not a regular file`);
}

/**
 * What is in an archive, below the one folder that all of its files are in. Nothing is written.
 *
 * @throws BadArchive if it is not an archive of a bundle; and what the file system throws.
 */
export async function seenInArchive(file: string): Promise<Seen> {
  const collect = collector();
  let folder: string | null = null;
  const reader = tarReader({
    begin: ({ path, mode }) => {
      const [top = '', ...rest] = path.split('/');
      folder ??= top;
      if (rest.length === 0 || top !== folder) {
        throw new BadArchive(`${path} is not in the one folder of the archive`);
      }
      collect.begin(rest.join('/'), mode);
    },
    data: collect.data,
  });
  const source = createReadStream(file);
  const gunzip = createGunzip();
  source.on('error', (error) => gunzip.destroy(error));
  try {
    for await (const part of source.pipe(gunzip)) reader.push(part as Buffer);
    reader.end();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (!code.startsWith('Z_')) throw error;
    throw new BadArchive('it is not a complete gzip file');
  } finally {
    source.destroy();
    gunzip.destroy();
  }
  return collect.seen();
}

// A file -> its text, or why it cannot be read. Every wait and every read has a limit.

import { closeSync, constants, fstatSync, openSync, readSync, type Stats, statSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { type Diagnostic, diagnostic } from '../diagnostic.ts';

/** How much is read of a file that a person names, in bytes. */
const inputLimit = 16 * 1024 * 1024;
/** Plans of large clusters are longer than any inventory; and so are files of a bundle. */
export const planLimit = 256 * 1024 * 1024;

/** How long a pipe is waited for, in milliseconds: without a writer, and with one that is silent. */
const patience = { nobody: 2000, silent: 30_000 };

/** What `-` is called in diagnostics. */
const standardInput = '<stdin>';

/** The name of an input in diagnostics. */
export function inputName(file: string): string {
  return file === '-' ? standardInput : file;
}

/**
 * The text of what a person names: a file, a pipe or `-`, of UTF-8. Or the diagnostic that says why
 * there is none: a device, a directory, a pipe that nobody writes to, too much.
 */
export async function readInput(file: string, limit = inputLimit): Promise<string | Diagnostic> {
  let descriptor: number | null = null;
  try {
    const isStandard = file === '-' || file === '/dev/stdin';
    const unfit = unfitFor(isStandard ? fstatSync(0) : statSync(file), limit);
    if (unfit !== null) return unreadable(file, unfit);
    descriptor = isStandard ? 0 : openSync(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const kind = fstatSync(descriptor);
    // Opened by Node as a stream, a pipe or socket no longer blocks a read.
    if (isStandard && !kind.isFile()) process.stdin.pause();
    const bytes = await readAll(descriptor, kind.isFIFO() && !isStandard, limit);
    return typeof bytes === 'string' ? unreadable(file, bytes) : decoded(file, bytes);
  } catch (error) {
    return unreadable(file, reasonOf(error));
  } finally {
    if (descriptor !== null && descriptor > 0) closeSync(descriptor);
  }
}

/** The text of a regular file, such as one in a bundle. */
export function readText(file: string): string | Diagnostic {
  let descriptor: number | null = null;
  try {
    descriptor = openSync(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const kind = fstatSync(descriptor);
    const unfit = unfitFor(kind, planLimit);
    if (unfit !== null || !kind.isFile()) return unreadable(file, unfit ?? 'it is not a file');
    const bytes = Buffer.alloc(kind.size);
    const read = readFully(descriptor, bytes);
    return decoded(file, bytes.subarray(0, read));
  } catch (error) {
    return unreadable(file, reasonOf(error));
  } finally {
    if (descriptor !== null) closeSync(descriptor);
  }
}

function readFully(descriptor: number, bytes: Buffer): number {
  let size = 0;
  while (size < bytes.length) {
    const count = readSync(descriptor, bytes, size, bytes.length - size, null);
    if (count === 0) break;
    size += count;
  }
  return size;
}

/** Why a file of that kind is not read, or null. */
function unfitFor(kind: Stats, limit: number): string | null {
  if (kind.isDirectory()) return 'it is a directory';
  if (kind.isCharacterDevice() && process.stdin.isTTY && kind.rdev === fstatSync(0).rdev) {
    return 'it is a terminal; give a file, or a pipe with the text';
  }
  if (kind.isCharacterDevice() || kind.isBlockDevice()) return 'it is a device';
  if (kind.isFile() && kind.size > limit) return tooLarge(limit);
  return null;
}

function tooLarge(limit: number): string {
  return `it has more than ${limit / 1024 / 1024} MiB`;
}

/** Everything up to the end, or why not. A named pipe is empty before its writer comes. */
async function readAll(
  descriptor: number,
  isNamed: boolean,
  limit: number,
): Promise<Buffer | string> {
  const chunks: Buffer[] = [];
  const room = Buffer.alloc(256 * 1024);
  let size = 0;
  let last = performance.now();
  for (;;) {
    const count = readSome(descriptor, room);
    if (count !== null && count > 0) {
      chunks.push(Buffer.from(room.subarray(0, count)));
      size += count;
      if (size > limit) return tooLarge(limit);
      last = performance.now();
      continue;
    }
    const nobody = count === 0;
    if (nobody && (size > 0 || !isNamed)) return Buffer.concat(chunks);
    const waited = performance.now() - last;
    if (nobody && waited > patience.nobody) return 'it is a pipe, and nobody writes to it';
    if (waited > patience.silent) return `nothing came for ${patience.silent / 1000} s`;
    await pause(20);
  }
}

/** How many bytes were read: 0 at the end, null if there are none yet. */
function readSome(descriptor: number, room: Buffer): number | null {
  try {
    return readSync(descriptor, room);
  } catch (error) {
    if (codeOf(error) === 'EAGAIN') return null;
    if (codeOf(error) === 'EOF') return 0;
    throw error;
  }
}

function decoded(file: string, bytes: Buffer): string | Diagnostic {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return unreadable(file, 'it is not UTF-8 text');
  }
}

function unreadable(given: string, reason: string): Diagnostic {
  const file = inputName(given);
  return diagnostic(
    'BUN001',
    { file, position: null },
    {
      what: `${cut(file)} cannot be read: ${reason}`,
      why: 'There is nothing to work on.',
      remedy: 'Name a file of UTF-8 text that is there and may be read.',
    },
  );
}

/** What people read for an error of the operating system, by its code. */
const reasons: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EBUSY: 'it is in use',
  EDQUOT: 'the disk quota is used up',
  EEXIST: 'it is already there',
  EIO: 'the device reports an error',
  EISDIR: 'it is a directory',
  ELOOP: 'it is a symbolic link that leads to itself',
  EMFILE: 'too many files are open',
  ENAMETOOLONG: 'the name is too long',
  ENOENT: 'there is no such file or directory',
  ENOSPC: 'no space is left',
  ENOTDIR: 'a part of the path is not a directory',
  ENOTEMPTY: 'the directory is not empty',
  ENXIO: 'it is a socket',
  EPERM: 'not permitted',
  EROFS: 'the file system is read-only',
  EXDEV: 'it is on another file system',
};

/** Why the operating system refused, without the path: `permission denied (EACCES)`. */
function reasonOf(error: unknown): string {
  const code = codeOf(error);
  const reason = reasons[code];
  if (reason !== undefined) return `${reason} (${code})`;
  return cut(error instanceof Error ? error.message : String(error));
}

/** What an error says; for one of the operating system with the path that it is about. */
export function messageOf(error: unknown): string {
  const path = error instanceof Error && 'path' in error ? `${error.path}: ` : '';
  return `${codeOf(error) in reasons ? cut(path) : ''}${reasonOf(error)}`;
}

/** The code of an error of the operating system, such as ENOENT; or an empty text. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/** Whether an error comes from the operating system, and not from a bug of ours. */
export function isRefusal(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error && /^E[A-Z0-9]+$/u.test(codeOf(error));
}

function cut(text: string): string {
  return text.length > 300 ? `${text.slice(0, 297)}...` : text;
}

// Entries -> a .tar.gz with the same bytes on every machine. zlib differs between processors and releases
// of Node, so compression is done in JavaScript.

import { createHash } from 'node:crypto';
import { closeSync, openSync, writeSync } from 'node:fs';
import { gzipSync } from 'fflate';
import { sha256 } from '../sha256.ts';
import { type Entry, endOfArchive, entryBlocks } from './tar.ts';

/** Bytes. Several small files are one gzip member, and gzip files may have many. */
const member = 4 * 1024 * 1024;

/** A written archive. */
export interface Written {
  /** Of the archive. */
  readonly sha256: string;
  readonly bytes: number;
}

/** Compressed members by the sha256 of their blocks: every host gets the same tools. */
export type Compressed = Map<string, Uint8Array>;

/** Writes an archive to a new file. Throws what the file system throws. */
export function writeArchive(file: string, entries: Iterable<Entry>, known: Compressed): Written {
  const hash = createHash('sha256');
  let bytes = 0;
  const descriptor = openSync(file, 'wx', 0o644);
  const write = (part: Uint8Array): void => {
    for (let at = 0; at < part.length; ) at += writeSync(descriptor, part, at);
    hash.update(part);
    bytes += part.length;
  };
  try {
    let waiting: Buffer[] = [];
    let size = 0;
    const flush = (): void => {
      if (size > 0) write(compress(Buffer.concat(waiting)));
      waiting = [];
      size = 0;
    };
    for (const entry of entries) {
      const blocks = entryBlocks(entry);
      if (blocks.length > member) {
        flush();
        write(remembered(blocks, known));
        continue;
      }
      waiting.push(blocks);
      size += blocks.length;
      if (size > member) flush();
    }
    waiting.push(endOfArchive);
    size += endOfArchive.length;
    flush();
  } finally {
    closeSync(descriptor);
  }
  return { sha256: hash.digest('hex'), bytes };
}

function remembered(blocks: Buffer, known: Compressed): Uint8Array {
  const key = sha256(blocks);
  const found = known.get(key) ?? compress(blocks);
  known.set(key, found);
  return found;
}

function compress(bytes: Uint8Array): Uint8Array {
  return gzipSync(bytes, { level: 6, mtime: 0 });
}

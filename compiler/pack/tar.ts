// Files -> the blocks of a tar archive, and back. The format is that of POSIX (pax), and only what we
// write is read: regular files. The same files give the same bytes on every machine.

/** An entry of an archive. `mode` is octal, such as 0o755. */
export interface Entry {
  readonly path: string;
  readonly mode: number;
  readonly bytes: Uint8Array;
}

const block = 512;
/** Two empty blocks end an archive. */
export const endOfArchive = Buffer.alloc(2 * block);
/** Seconds: 1 January 1980. Nothing in a bundle has a time, and tar warns about earlier ones. */
const time = 315_532_800;

/** The blocks of one file. A long path has a pax header before them. */
export function entryBlocks({ path, mode, bytes }: Entry): Buffer {
  const name = Buffer.from(path, 'utf8');
  const long = name.length > 100;
  return Buffer.concat([
    long ? longName(path) : Buffer.alloc(0),
    header(name.subarray(0, 100), mode, bytes.length, '0'),
    bytes,
    padding(bytes.length),
  ]);
}

function longName(path: string): Buffer {
  // The length of a record counts its own digits.
  const rest = Buffer.byteLength(` path=${path}\n`);
  let length = rest + 1;
  while (length !== rest + String(length).length) length = rest + String(length).length;
  const record = Buffer.from(`${length} path=${path}\n`);
  const name = Buffer.from('PaxHeader');
  return Buffer.concat([header(name, 0o644, record.length, 'x'), record, padding(record.length)]);
}

function padding(length: number): Buffer {
  return Buffer.alloc((block - (length % block)) % block);
}

function header(name: Uint8Array, mode: number, size: number, type: '0' | 'x'): Buffer {
  const head = Buffer.alloc(block);
  const octal = (value: number, at: number, width: number) =>
    head.write(`${value.toString(8).padStart(width - 1, '0')}\0`, at, 'latin1');
  head.set(name, 0);
  octal(mode, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(size, 124, 12);
  octal(time, 136, 12);
  head.write(type, 156, 'latin1');
  head.write('ustar\x0000', 257, 'latin1');
  octal(0, 329, 8);
  octal(0, 337, 8);
  octal(sumOf(head), 148, 7);
  head.write(' ', 155, 'latin1');
  return head;
}

/** The sum of the bytes of a header, its own field counted as spaces. */
function sumOf(head: Uint8Array): number {
  return head.reduce((sum, byte, at) => sum + (at >= 148 && at < 156 ? 32 : byte), 0);
}

/** What is read of an archive: an entry begins, and then its bytes in parts. */
export interface Reader {
  readonly begin: (entry: {
    readonly path: string;
    readonly mode: number;
    readonly size: number;
  }) => void;
  readonly data: (part: Uint8Array) => void;
}

/** What an archive may hold at most. Bundles of 1,000 hosts are far below. */
export const limits = {
  entries: 200_000,
  /** Bytes of one file, and of all files. */
  file: 512 * 1024 * 1024,
  all: 16 * 1024 * 1024 * 1024,
  /** Bytes of a path. */
  path: 2048,
} as const;

/** An archive that is not read any further. The message says why. */
export class BadArchive extends Error {}

/**
 * Reads an archive part by part. Nothing is written anywhere.
 *
 * @throws BadArchive for a link, a special file, a path that leaves the archive or is there twice, a
 *   damaged header, or more than {@link limits}.
 */
export function tarReader(reader: Reader) {
  let waiting: Buffer = Buffer.alloc(0);
  let left = 0;
  let skip = 0;
  let ended = false;
  let total = 0;
  let pax: { text: Buffer[]; size: number } | null = null;
  let named: string | null = null;
  const seen = new Set<string>();

  const open = (head: Buffer): void => {
    const field = (at: number, width: number) => {
      const text = head
        .subarray(at, at + width)
        .toString('latin1')
        .replace(/[\0 ]+$/u, '');
      if (!/^[0-7]+$/u.test(text)) throw new BadArchive('a header is damaged');
      return Number.parseInt(text, 8);
    };
    if (field(148, 8) !== sumOf(head)) throw new BadArchive('the sum of a header is wrong');
    if (head.subarray(257, 262).toString('latin1') !== 'ustar' || head[345] !== 0) {
      throw new BadArchive('it is not in the format that plan writes');
    }
    const type = String.fromCharCode(head[156] ?? 0);
    const size = field(124, 12);
    if (type === 'x' && named === null && size <= limits.path + 64) {
      pax = { text: [], size };
      left = size;
      skip = padding(size).length;
      return;
    }
    const own = head.subarray(0, 100);
    const end = own.indexOf(0);
    const path = named ?? own.subarray(0, end < 0 ? 100 : end).toString('utf8');
    named = null;
    if (type !== '0') throw new BadArchive(`${JSON.stringify(path)} is not a regular file`);
    if (!isSafe(path)) throw new BadArchive(`the path ${JSON.stringify(path)} is not accepted`);
    if (seen.has(path)) throw new BadArchive(`${path} is there twice`);
    seen.add(path);
    total += size;
    if (seen.size > limits.entries || size > limits.file || total > limits.all) {
      throw new BadArchive('it is larger than any bundle');
    }
    reader.begin({ path, mode: field(100, 8), size });
    left = size;
    skip = padding(size).length;
  };

  const data = (part: Buffer): void => {
    if (pax === null) {
      reader.data(part);
      return;
    }
    pax.text.push(part);
    if (left > part.length) return;
    const text = Buffer.concat(pax.text).toString('utf8');
    const path = /^\d+ path=([^\n]+)\n$/u.exec(text)?.[1];
    if (path === undefined) throw new BadArchive('a long path is damaged');
    named = path;
    pax = null;
  };

  return {
    /** The next part of the archive, of any length. */
    push(part: Buffer): void {
      waiting = waiting.length === 0 ? part : Buffer.concat([waiting, part]);
      for (;;) {
        if (left > 0) {
          if (waiting.length === 0) return;
          const now = waiting.subarray(0, left);
          data(now);
          left -= now.length;
          waiting = waiting.subarray(now.length);
        } else if (skip > 0) {
          if (waiting.length < skip) return;
          if (waiting.subarray(0, skip).some((byte) => byte !== 0)) {
            throw new BadArchive('there are bytes between its files');
          }
          waiting = waiting.subarray(skip);
          skip = 0;
        } else {
          if (waiting.length < block) return;
          const head = waiting.subarray(0, block);
          waiting = waiting.subarray(block);
          if (head.some((byte) => byte !== 0)) {
            if (ended) throw new BadArchive('there is something after its end');
            open(head);
          } else {
            ended = true;
          }
        }
      }
    },
    /** Call it after the last part. */
    end(): void {
      if (left > 0 || skip > 0 || waiting.length > 0 || !ended || named !== null || pax !== null) {
        throw new BadArchive('it is cut off');
      }
    },
  };
}

/** Whether a path stays inside, and can be printed. */
export function isSafe(path: string): boolean {
  return (
    Buffer.byteLength(path) <= limits.path &&
    !/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\\\ufffd]/u.test(path) &&
    path.split('/').every((part) => part !== '' && part !== '.' && part !== '..')
  );
}

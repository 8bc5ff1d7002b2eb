// Bytes of a program -> its architecture and the libraries it needs, or why it is no program for Linux.

import type { Architecture } from './tool.ts';

/** What an ELF file says about itself. */
export interface Elf {
  readonly architecture: Architecture;
  /** The loader and the libraries that the machine must have; empty for a static program. */
  readonly needed: readonly string[];
}

/** ELF machine numbers. */
const machines: ReadonlyMap<number, Architecture> = new Map([
  [62, 'amd64'],
  [183, 'arm64'],
]);

const loadable = 1;
const dynamic = 2;
const interpreter = 3;
const neededTag = 1;
const stringTable = 5;
/** No program has more; a damaged header may say so. */
const mostHeaders = 512;
const mostEntries = 4096;

/** A part of the file that the loader maps. All numbers count bytes. */
interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly size: number;
}

/** Reads a 64-bit little-endian ELF program. A text says why it is none. Reads only within `bytes`. */
export function readElf(bytes: Buffer): Elf | string {
  if (bytes.subarray(0, 2).toString('latin1') === '#!') return 'it is a script';
  if (bytes.subarray(0, 4).toString('latin1') !== '\u007fELF') return 'it is not an ELF program';
  if (bytes.length < 64) return 'it is cut off';
  if (bytes[4] !== 2 || bytes[5] !== 1) return 'it is not for a 64-bit little-endian machine';
  const kind = bytes.readUInt16LE(16);
  if (kind !== 2 && kind !== 3) return 'it is an ELF file, but no program';
  const machine = bytes.readUInt16LE(18);
  const architecture = machines.get(machine);
  if (architecture === undefined) return `it is for another machine (ELF machine ${machine})`;
  const segments = segmentsOf(bytes);
  if (segments === null) return 'it is cut off or damaged';
  const loader = segments
    .filter(({ type }) => type === interpreter)
    .map(({ offset, size }) => textAt(bytes, offset, size));
  const libraries = librariesOf(bytes, segments);
  return libraries === null
    ? 'it is cut off or damaged'
    : { architecture, needed: [...loader, ...libraries] };
}

function segmentsOf(bytes: Buffer): readonly Segment[] | null {
  const start = Number(bytes.readBigUInt64LE(32));
  const length = bytes.readUInt16LE(54);
  const count = bytes.readUInt16LE(56);
  if (length < 56 || count === 0 || count > mostHeaders) return null;
  if (start + length * count > bytes.length) return null;
  const segments = Array.from({ length: count }, (_, index): Segment => {
    const at = start + index * length;
    return {
      type: bytes.readUInt32LE(at),
      offset: Number(bytes.readBigUInt64LE(at + 8)),
      address: Number(bytes.readBigUInt64LE(at + 16)),
      size: Number(bytes.readBigUInt64LE(at + 32)),
    };
  });
  const inside = segments.every(
    ({ type, offset, size }) => type > interpreter || offset + size <= bytes.length,
  );
  return inside ? segments : null;
}

/** DT_NEEDED of the dynamic segment; null if it points outside of the file. */
function librariesOf(bytes: Buffer, segments: readonly Segment[]): readonly string[] | null {
  const table = segments.find(({ type }) => type === dynamic);
  if (table === undefined) return [];
  const names: number[] = [];
  let strings: number | null = null;
  const count = Math.min(Math.floor(table.size / 16), mostEntries);
  for (let index = 0; index < count; index += 1) {
    const at = table.offset + index * 16;
    const tag = Number(bytes.readBigUInt64LE(at));
    const value = Number(bytes.readBigUInt64LE(at + 8));
    if (tag === 0) break;
    if (tag === neededTag) names.push(value);
    if (tag === stringTable) strings = offsetOf(value, segments);
  }
  if (names.length === 0) return [];
  if (strings === null) return null;
  const from = strings;
  if (names.some((name) => from + name >= bytes.length)) return null;
  return names.map((name) => textAt(bytes, from + name, 255));
}

/** The place in the file of an address in memory. */
function offsetOf(address: number, segments: readonly Segment[]): number | null {
  const segment = segments.find(
    (each) =>
      each.type === loadable && address >= each.address && address < each.address + each.size,
  );
  return segment === undefined ? null : segment.offset + address - segment.address;
}

/** A text that ends with NUL, at most so many bytes. What is not printable ASCII becomes `?`. */
function textAt(bytes: Buffer, at: number, most: number): string {
  const part = bytes.subarray(at, Math.min(at + Math.min(most, 255), bytes.length));
  const end = part.indexOf(0);
  return part
    .subarray(0, end < 0 ? part.length : end)
    .toString('latin1')
    .replace(/[^\x20-\x7e]/gu, '?');
}

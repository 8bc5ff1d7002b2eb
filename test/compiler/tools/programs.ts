// ELF files for tests: as much of one as is read, for a machine that this one is not.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const machineOf = { amd64: 62, arm64: 183, riscv64: 243 } as const;

/** The architecture that programs of a test have, so that none of them is run. */
export const elsewhere = process.arch === 'arm64' ? 'amd64' : 'arm64';

/** A program that states a version of etcd, or another text; with libraries it is dynamic. */
export function program(
  text = '\tdep\tgo.etcd.io/etcd/api/v3\tv3.6.8\n',
  libraries: readonly string[] = [],
  machine: keyof typeof machineOf = elsewhere,
): Buffer {
  const head = Buffer.alloc(64 + 3 * 56);
  head.write('\u007fELF', 'latin1');
  head.set([2, 1, 1], 4);
  head.writeUInt16LE(2, 16);
  head.writeUInt16LE(machineOf[machine], 18);
  head.writeBigUInt64LE(64n, 32);
  head.writeUInt16LE(56, 54);
  head.writeUInt16LE(3, 56);
  const strings = Buffer.from(`\0${libraries.map((name) => `${name}\0`).join('')}/lib/ld.so\0`);
  const loader = strings.length - '/lib/ld.so\0'.length;
  const entries: bigint[] = [];
  let at = 1;
  for (const name of libraries) {
    entries.push(1n, BigInt(at));
    at += name.length + 1;
  }
  const base = 0x400000;
  entries.push(5n, BigInt(base + head.length), 0n, 0n);
  const dynamic = Buffer.alloc(entries.length * 8);
  for (const [index, entry] of entries.entries()) dynamic.writeBigUInt64LE(entry, index * 8);
  const body = Buffer.concat([head, strings, dynamic, Buffer.from(text, 'latin1')]);
  const segment = (index: number, type: number, offset: number, size: number) => {
    const from = 64 + index * 56;
    body.writeUInt32LE(type, from);
    body.writeBigUInt64LE(BigInt(offset), from + 8);
    body.writeBigUInt64LE(BigInt(base + offset), from + 16);
    body.writeBigUInt64LE(BigInt(size), from + 32);
  };
  segment(0, 1, 0, body.length);
  if (libraries.length > 0) {
    segment(1, 3, head.length + loader, '/lib/ld.so\0'.length);
    segment(2, 2, head.length + strings.length, dynamic.length);
  }
  return body;
}

/** A directory with these files. */
export function directoryOf(files: Readonly<Record<string, string | Uint8Array>>): string {
  const root = mkdtempSync(join(tmpdir(), 'plan-tools-test-'));
  for (const [path, bytes] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), bytes, { mode: 0o755 });
  }
  return root;
}

/** The etcd tools for a machine that this one is not. */
export const release = { etcd: program(), etcdctl: program(), etcdutl: program() };

/** The bytes of a command of this machine. */
export function commandHere(name: string): Buffer {
  return readFileSync(execFileSync('bash', ['-c', `type -P ${name}`], { encoding: 'utf8' }).trim());
}

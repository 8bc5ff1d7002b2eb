// A bundle in its directory -> an archive for each host, with what that host runs, and one with all of it.

import { lstatSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { manifestName, signatureName } from '../bundle/bundle.ts';
import { messageOf } from '../bundle/text.ts';
import { type Diagnostic, diagnostic } from '../diagnostic.ts';
import type { HostId } from '../hosts.ts';
import { sha256 } from '../sha256.ts';
import { type Compressed, type Written, writeArchive } from './archive.ts';
import { inBytes, isExecutable, type Judged, judge } from './judge.ts';
import { type Seen, seenInDirectory } from './seen.ts';
import { sign } from './sign.ts';
import type { Entry } from './tar.ts';

/** What is asked for. */
export interface PackRequest {
  /** Null: next to the bundle, with `-packed` after its name. */
  readonly out: string | null;
  /** A private key for ssh-keygen, or null. */
  readonly key: string | null;
  readonly progress: (doing: string) => void;
}

/** One archive in its place. */
interface Packed extends Written {
  readonly file: string;
  /** Null: it is for all hosts. */
  readonly host: HostId | null;
  readonly files: number;
  readonly state: 'written' | 'unchanged';
}

/** What became of it. `exit`: 0 yes, 1 no, 2 could not. */
export interface PackOutcome {
  readonly exit: 0 | 1 | 2;
  readonly diagnostics: readonly Diagnostic[];
  readonly result: {
    readonly directory: string;
    /** The folder in the archives. Bundles that differ never mix on a host. */
    readonly folder: string;
    readonly manifest: string;
    readonly signed: boolean;
    readonly archives: readonly Packed[];
  } | null;
}

/** Packs a bundle that is complete and unchanged. An archive is never overwritten with other bytes. */
export function pack(directory: string, request: PackRequest): PackOutcome {
  request.progress('Checking the bundle');
  let seen: Seen;
  try {
    seen = seenInDirectory(directory);
  } catch (error) {
    const what = `${directory} cannot be read: ${messageOf(error)}`;
    return failed(2, [problem('BUN035', directory, what)]);
  }
  const bundle = resolve(directory);
  const out = request.out ?? `${bundle}-packed`;
  if (`${resolve(out)}/`.startsWith(`${bundle}/`)) {
    return failed(2, [problem('BUN044', out, `${out} is in the bundle`)]);
  }
  const { judged, diagnostics } = judge(directory, seen);
  if (judged === null) return failed(2, diagnostics);
  const partial = judged.absent.map((host) =>
    problem('BUN036', directory, `the scripts of ${host} are not there`),
  );
  if (diagnostics.length + partial.length > 0) return failed(1, [...diagnostics, ...partial]);
  const manifest = seen.texts.get(manifestName) ?? '';
  let signature = seen.texts.get(signatureName) ?? null;
  if (request.key !== null) {
    const signed = sign(manifest, request.key);
    if (typeof signed === 'string') {
      const what = `${manifestName} cannot be signed with ${request.key}: ${signed}`;
      return failed(2, [problem('BUN040', request.key, what)]);
    }
    signature = signed.text;
  }
  const added = [
    { path: manifestName, mode: 0o644, bytes: Buffer.from(manifest) },
    ...(signature === null
      ? []
      : [{ path: signatureName, mode: 0o644, bytes: Buffer.from(signature) }]),
  ];
  try {
    return write({ directory, out, judged, seen, added }, request.progress);
  } catch (error) {
    const what = `the archives cannot be written: ${messageOf(error)}`;
    return failed(2, [problem('BUN038', out, what)]);
  }
}

interface Work {
  readonly directory: string;
  readonly out: string;
  readonly judged: Judged;
  readonly seen: Seen;
  /** Entries that SHA256SUMS does not list. */
  readonly added: readonly Entry[];
}

/** All archives are made next to their places first: either all of them take their places, or none. */
function write({ directory, out, judged, seen, added }: Work, progress: PackRequest['progress']) {
  const { cluster, manifest, hosts, scripts, paths } = judged;
  const folder = `${cluster}-${manifest.slice(0, 12)}`;
  mkdirSync(out, { recursive: true });
  const staging = mkdtempSync(join(out, '.partial-'));
  const known: Compressed = new Map();
  try {
    const archives: (Packed & { readonly from: string })[] = [];
    const conflicts: Diagnostic[] = [];
    for (const host of [...hosts, null]) {
      const name = `${cluster}-${host ?? nameForAll(hosts)}.tar.gz`;
      progress(`Packing ${name}`);
      const wanted = paths.filter((path) => host === null || (scripts.get(path) ?? host) === host);
      const entries = entriesOf(directory, folder, wanted, seen, added);
      const from = join(staging, name);
      const written = writeArchive(from, entries, known);
      const file = join(out, name);
      const there = lstatSync(file, { throwIfNoEntry: false });
      const same = there?.isFile() === true && isSame(file, written);
      if (there !== undefined && !same) {
        conflicts.push(problem('BUN037', file, `${file} is there, with other bytes`));
      }
      const state = same ? 'unchanged' : 'written';
      archives.push({ file, host, files: wanted.length + added.length, state, from, ...written });
    }
    if (conflicts.length > 0) return failed(2, conflicts);
    for (const { state, from, file } of archives) {
      if (state === 'written') renameSync(from, file);
    }
    const signed = added.some(({ path }) => path === signatureName);
    const placed = archives.map(({ from, ...archive }) => archive);
    return succeeded({ directory: out, folder, manifest, signed, archives: placed });
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

/** `all`, unless a host has this name. */
function nameForAll(hosts: readonly HostId[]): string {
  let name = 'all';
  while (hosts.includes(name)) name += '-hosts';
  return name;
}

function isSame(file: string, { bytes, sha256: sum }: Written): boolean {
  const { size } = lstatSync(file);
  return size === bytes && sha256(readFileSync(file)) === sum;
}

/** The files in the order of their paths, each as it was checked. Throws if one was changed since. */
function* entriesOf(
  directory: string,
  folder: string,
  paths: readonly string[],
  seen: Seen,
  added: readonly Entry[],
): Generator<Entry> {
  const others = new Map(added.map((entry) => [entry.path, entry]));
  for (const path of [...paths, ...others.keys()].sort(inBytes)) {
    const other = others.get(path);
    if (other !== undefined) {
      yield { ...other, path: `${folder}/${path}` };
      continue;
    }
    const bytes = readFileSync(join(directory, path));
    if (sha256(bytes) !== seen.files.get(path)?.sha256) {
      throw new Error(`${path} was changed in the meantime`);
    }
    yield { path: `${folder}/${path}`, mode: isExecutable(path) ? 0o755 : 0o644, bytes };
  }
}

const advice = {
  BUN035: [
    'Only regular files with plain names can be part of a bundle.',
    'Give a directory that "plan compile" wrote.',
  ],
  BUN036: [
    'Archives are made from the complete bundle, for every host.',
    'Pack the directory that "plan compile" wrote, not one that was unpacked from a host archive.',
  ],
  BUN037: [
    'An archive that is in use somewhere is never overwritten.',
    'Move it, or pack to another directory with --out.',
  ],
  BUN038: ['No archive has taken its place.', 'Fix the reported error, or name another --out.'],
  BUN044: [
    'The archives would become files of the bundle that nobody has reviewed.',
    'Name a directory outside of the bundle.',
  ],
  BUN040: [
    'An archive was asked for with a signature.',
    'Name the file of a private key that ssh-keygen can use, or pack without --sign.',
  ],
} as const;

function problem(code: keyof typeof advice, file: string, what: string): Diagnostic {
  const [why, remedy] = advice[code];
  return diagnostic(code, { file, position: null }, { what, why, remedy });
}

function failed(exit: 1 | 2, diagnostics: readonly Diagnostic[]): PackOutcome {
  return { exit, diagnostics, result: null };
}

function succeeded(result: NonNullable<PackOutcome['result']>): PackOutcome {
  return { exit: 0, diagnostics: [], result };
}

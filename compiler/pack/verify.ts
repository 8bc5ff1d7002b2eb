// A directory or an archive -> whether it is a bundle as compiled, and each difference.

import { lstatSync } from 'node:fs';
import { manifestName, signatureName } from '../bundle/bundle.ts';
import { messageOf } from '../bundle/text.ts';
import { type Diagnostic, diagnostic } from '../diagnostic.ts';
import type { HostId } from '../hosts.ts';
import { type Judged, judge } from './judge.ts';
import { type Seen, seenInArchive, seenInDirectory } from './seen.ts';
import { checkSignature } from './sign.ts';

/** What it must have besides. */
export interface VerifyRequest {
  /** The sha256 of SHA256SUMS, such as from paper, or null. */
  readonly digest: string | null;
  /** Who may have signed it: a file of allowed signers and one of its identities; or null. */
  readonly signer: { readonly allowed: string; readonly identity: string } | null;
}

/** What became of it. `exit`: 0 as stated, 1 it differs, 2 could not. */
export interface Verified {
  readonly exit: 0 | 1 | 2;
  readonly diagnostics: readonly Diagnostic[];
  readonly result: {
    readonly manifest: string;
    readonly files: number;
    /** The hosts whose scripts are there, and those whose scripts were not packed. */
    readonly hosts: readonly HostId[];
    readonly absent: readonly HostId[];
    readonly digest: 'as given' | 'not given';
    readonly signature: 'valid' | 'not checked' | 'none';
  } | null;
}

/** Recomputes every sum. Reads an archive without unpacking it. */
export async function verify(target: string, request: VerifyRequest): Promise<Verified> {
  let seen: Seen;
  try {
    const isFolder = lstatSync(target).isDirectory();
    seen = isFolder ? seenInDirectory(target) : await seenInArchive(target);
  } catch (error) {
    const what = `${target} cannot be read as a bundle: ${messageOf(error)}`;
    return { exit: 2, diagnostics: [problem('BUN039', target, what)], result: null };
  }
  const { judged, diagnostics } = judge(target, seen);
  if (judged === null) return { exit: 2, diagnostics, result: null };
  const signature = signatureProblems(target, seen, request);
  if (signature.some(({ code }) => code === 'BUN043')) {
    return { exit: 2, diagnostics: signature, result: null };
  }
  const found = [...digestProblems(target, judged, request), ...signature, ...diagnostics];
  if (found.length > 0) return { exit: 1, diagnostics: found, result: null };
  const { manifest, paths, present, absent } = judged;
  const signed = seen.texts.has(signatureName);
  return {
    exit: 0,
    diagnostics: [],
    result: {
      manifest,
      files: paths.length + 1,
      hosts: present,
      absent,
      digest: request.digest === null ? 'not given' : 'as given',
      signature: request.signer !== null ? 'valid' : signed ? 'not checked' : 'none',
    },
  };
}

function digestProblems(
  target: string,
  { manifest }: Judged,
  { digest }: VerifyRequest,
): readonly Diagnostic[] {
  if (digest === null || digest === manifest) return [];
  const what = `${manifestName} is sha256:${manifest}, not sha256:${digest}`;
  return [problem('BUN041', target, what)];
}

function signatureProblems(
  target: string,
  { texts }: Seen,
  { signer }: VerifyRequest,
): readonly Diagnostic[] {
  if (signer === null) return [];
  const signature = texts.get(signatureName);
  if (signature === undefined) return [problem('BUN042', target, 'it has no signature')];
  const answer = checkSignature(texts.get(manifestName) ?? '', signature, signer);
  if (answer.valid) return [];
  const what = `the signature is not valid for ${signer.identity}: ${answer.said}`;
  return [problem(answer.ran ? 'BUN042' : 'BUN043', target, answer.ran ? what : answer.said)];
}

const advice = {
  BUN039: [
    'An archive is read only if it can be unpacked without harm.',
    'Give a directory that "plan compile" wrote, or an archive that "plan pack" wrote.',
  ],
  BUN041: [
    'It is another bundle than the one whose digest was written down, or it was changed.',
    'Do not use it. Copy the reviewed bundle again.',
  ],
  BUN042: [
    'Nothing shows that the bundle is from the person who signs bundles.',
    'Do not use it. Ask for the signed bundle again, or correct the file of allowed signers.',
  ],
  BUN043: [
    'Without it the signature cannot be checked.',
    'Install the OpenSSH client, or verify with --digest alone.',
  ],
} as const;

function problem(code: keyof typeof advice, file: string, what: string): Diagnostic {
  const [why, remedy] = advice[code];
  return diagnostic(code, { file, position: null }, { what, why, remedy });
}

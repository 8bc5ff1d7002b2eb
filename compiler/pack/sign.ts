// SHA256SUMS -> its signature by ssh-keygen, and whether a signature is valid.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { manifestName, signatureName } from '../bundle/bundle.ts';

/** What a signature is for: a signature of a bundle is valid for nothing else. */
const namespace = 'plan-bundle';

/** The text of a signature, or why there is none. ssh-keygen asks for a passphrase on the terminal. */
export function sign(manifest: string, key: string): { readonly text: string } | string {
  return inFolder((folder) => {
    const file = join(folder, manifestName);
    writeFileSync(file, manifest);
    const ran = keygen(['-Y', 'sign', '-n', namespace, '-f', key, file], null);
    if (!ran.ok) return ran.said;
    return { text: readFileSync(join(folder, signatureName), 'utf8') };
  });
}

/** What ssh-keygen says about a signature. `ran`: false if it could not be asked. */
export interface SignatureAnswer {
  readonly valid: boolean;
  readonly ran: boolean;
  readonly said: string;
}

/** Whether a signature of SHA256SUMS is valid, and by that identity. */
export function checkSignature(
  manifest: string,
  signature: string,
  { allowed, identity }: { readonly allowed: string; readonly identity: string },
): SignatureAnswer {
  return inFolder((folder) => {
    const file = join(folder, signatureName);
    writeFileSync(file, signature);
    const names = ['-f', allowed, '-I', identity, '-n', namespace, '-s', file];
    const ran = keygen(['-Y', 'verify', ...names], manifest);
    return { valid: ran.ok, ran: ran.started, said: ran.said };
  });
}

/** `input` null: a person may be asked. */
function keygen(argv: readonly string[], input: string | null) {
  const ran = spawnSync('ssh-keygen', argv, {
    encoding: 'utf8',
    ...(input === null ? { stdio: ['inherit', 'pipe', 'pipe'] } : { input, timeout: 30_000 }),
  });
  const words = `${ran.stderr ?? ''}${ran.stdout ?? ''}`
    .trim()
    .split(/\s*\n\s*/u)
    .join('; ');
  return {
    ok: ran.status === 0,
    started: ran.error === undefined,
    said: ran.error === undefined ? words : `ssh-keygen cannot be run: ${ran.error.message}`,
  };
}

function inFolder<Result>(use: (folder: string) => Result): Result {
  const folder = mkdtempSync(join(tmpdir(), 'plan-sign-'));
  try {
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

// The files of a bundle -> their place, checked before they take it; or what is different there.

import type { Checked, Checks } from '../check/check.ts';
import type { Linter } from '../check/shellcheck.ts';
import { type Diagnostic, diagnostic, hasErrors } from '../diagnostic.ts';
import { isRecoveryScript } from '../emit/parts.ts';
import { type Contents, manifestName, sha256 } from './bundle.ts';
import { messageOf } from './text.ts';
import { compare, discard, obstacles, publish, type Staged, stage } from './write.ts';

/** Where a bundle goes: written to a directory, or compared with the one that is there. */
export interface Destination {
  readonly directory: string;
  readonly compareOnly: boolean;
}

/** What became of the files. `exit`: 0 yes, 1 no, 2 could not. */
export interface Delivery {
  readonly exit: 0 | 1 | 2;
  readonly diagnostics: readonly Diagnostic[];
  readonly delivered: DeliveredBundle | null;
}

/** A bundle in its place. */
export interface DeliveredBundle {
  readonly directory: string;
  readonly state: 'written' | 'unchanged' | 'same';
  readonly files: number;
  readonly scripts: number;
  /** The sha256 of SHA256SUMS, which people write down on paper. */
  readonly manifest: string;
  /** Whether bash -n and ShellCheck have read every script on this machine. */
  readonly linted: boolean;
  readonly lint: Linter;
}

/** Puts the files in their place, or compares them with what is there. */
export async function deliver(
  files: Contents,
  { directory, compareOnly }: Destination,
  checks: Checks,
): Promise<Delivery> {
  return compareOnly ? compared(files, directory) : written(files, directory, checks);
}

function compared(files: Contents, directory: string): Delivery {
  const counted = counter(files);
  const diagnostics = compare(directory, counted.files);
  if (diagnostics.length > 0) return { exit: 1, diagnostics, delivered: null };
  const lint = {
    found: false,
    because: 'scripts are not linted when bundles are compared',
  } as const;
  const delivered = { directory, state: 'same', ...counted.count(), linted: false, lint } as const;
  return { exit: 0, diagnostics, delivered };
}

async function written(files: Contents, directory: string, checks: Checks): Promise<Delivery> {
  const blocked = obstacles(directory);
  if (blocked.length > 0) return { exit: 2, diagnostics: blocked, delivered: null };
  const counted = counter(files);
  let staged: Staged;
  try {
    staged = stage(directory, counted.files);
  } catch (error) {
    return unwritable(directory, error);
  }
  const { linter, linted, diagnostics } = await check(staged, checks);
  if (hasErrors(diagnostics)) {
    discard(staged);
    const could = diagnostics.some(({ code }) => code === 'CHK011' || code === 'CHK012');
    return { exit: could ? 2 : 1, diagnostics, delivered: null };
  }
  try {
    const state = publish(staged);
    const delivered = { directory, state, ...counted.count(), linted, lint: linter };
    return { exit: 0, diagnostics, delivered };
  } catch (error) {
    discard(staged);
    return unwritable(directory, error);
  }
}

/** The checks of the scripts as they are staged; loaded only if they are wanted. */
async function check({ directory, paths }: Staged, checks: Checks): Promise<Checked> {
  if (!checks.enabled) {
    const linter = { found: false, because: '--no-lint was given' } as const;
    return { linter, linted: false, diagnostics: [] };
  }
  const { checkScripts } = await import('../check/check.ts');
  return checkScripts(directory, paths, checks);
}

/** Counts files and scripts as they pass. */
function counter(files: Contents): {
  readonly files: Contents;
  readonly count: () => Pick<DeliveredBundle, 'files' | 'scripts' | 'manifest'>;
} {
  let all = 0;
  let scripts = 0;
  let manifest = '';
  function* passing(): Contents {
    for (const file of files) {
      all += 1;
      if ('text' in file) {
        if (file.path.endsWith('.sh') && isRecoveryScript(file.text)) scripts += 1;
        if (file.path === manifestName) manifest = sha256(file.text);
      }
      yield file;
    }
  }
  return { files: passing(), count: () => ({ files: all, scripts, manifest }) };
}

function unwritable(file: string, error: unknown): Delivery {
  const found = diagnostic(
    'BUN005',
    { file, position: null },
    {
      what: `the bundle cannot be written: ${messageOf(error)}`,
      why: 'The directory is unchanged.',
      remedy: 'Fix the reported error, or write to another directory.',
    },
  );
  return { exit: 2, diagnostics: [found], delivered: null };
}

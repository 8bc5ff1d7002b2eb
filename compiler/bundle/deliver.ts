// The files of a bundle -> their place, checked before they take it; or what is different there.

import { resolve } from 'node:path';
import type { Checked, Checks } from '../check/check.ts';
import type { Linter } from '../check/shellcheck.ts';
import { type Diagnostic, diagnostic, hasErrors } from '../diagnostic.ts';
import { isRecoveryScript } from '../emit/parts.ts';
import { sha256 } from '../sha256.ts';
import { type Contents, manifestName } from './bundle.ts';
import { compare } from './compare.ts';
import { codeOf, isRefusal, messageOf } from './text.ts';
import { openWork, type Work } from './work.ts';
import { look, publish, stage, unfitPlace } from './write.ts';

/** Where a bundle goes: written to a directory, or compared with the one that is there. */
export interface Destination {
  readonly directory: string;
  readonly compareOnly: boolean;
  /** Whether differences are also returned as a unified diff. */
  readonly diff?: boolean;
}

/** What became of the files. `exit`: 0 yes, 1 no, 2 could not. */
export interface Delivery {
  readonly exit: 0 | 1 | 2;
  readonly diagnostics: readonly Diagnostic[];
  readonly delivered: DeliveredBundle | null;
  /** The differences as a unified diff, if they were asked for. */
  readonly diff?: string;
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
  destination: Destination,
  checks: Checks,
): Promise<Delivery> {
  try {
    return destination.compareOnly
      ? await compared(files, destination)
      : await written(files, destination.directory, checks);
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return refused(destination, error);
  }
}

async function compared(files: Contents, { directory, diff }: Destination): Promise<Delivery> {
  const counted = counter(files);
  const unified = diff ? (await import('./unified.ts')).unifiedDiff() : null;
  const diagnostics = compare(
    directory,
    counted.files,
    unified === null ? {} : { onDifference: unified.add },
  );
  const shown = unified === null ? {} : { diff: unified.text() };
  if (diagnostics.length > 0) return { exit: 1, diagnostics, delivered: null, ...shown };
  const lint = {
    found: false,
    because: 'scripts are not linted when bundles are compared',
  } as const;
  const delivered = { directory, state: 'same', ...counted.count(), linted: false, lint } as const;
  return { exit: 0, diagnostics, delivered, ...shown };
}

async function written(files: Contents, directory: string, checks: Checks): Promise<Delivery> {
  const unfit = unfitPlace(directory);
  if (unfit.length > 0) return failed(2, unfit);
  const work = openWork(resolve(directory));
  if (typeof work === 'string') return failed(2, [busy(directory, work)]);
  try {
    return await replaced(files, directory, work, checks);
  } finally {
    work.close();
  }
}

async function replaced(
  files: Contents,
  directory: string,
  work: Work,
  checks: Checks,
): Promise<Delivery> {
  const { blocked } = look(directory);
  if (blocked.length > 0) return failed(2, blocked);
  const counted = counter(files);
  const paths = await stage(work, counted.files);
  const { linter, linted, diagnostics } = await check(work, paths, checks);
  if (hasErrors(diagnostics)) {
    const could = diagnostics.some(({ code }) => code === 'CHK011' || code === 'CHK012');
    return failed(could ? 2 : 1, diagnostics);
  }
  // ShellCheck takes seconds: someone may have changed the directory since.
  const late = look(directory);
  if (late.blocked.length > 0) return failed(1, late.blocked);
  const { state, kept } = publish(work, paths, late.seen);
  const delivered = { directory, state, ...counted.count(), linted, lint: linter };
  return { exit: kept.length > 0 ? 1 : 0, diagnostics: [...diagnostics, ...kept], delivered };
}

/** The checks of the scripts as they are staged; loaded only if they are wanted. */
async function check(
  { fresh, directory }: Work,
  paths: readonly string[],
  checks: Checks,
): Promise<Checked> {
  if (!checks.enabled) {
    const linter = { found: false, because: '--no-lint was given' } as const;
    return { linter, linted: false, diagnostics: [] };
  }
  const { checkScripts } = await import('../check/check.ts');
  return checkScripts(fresh, paths, { ...checks, room: directory });
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

function failed(exit: 1 | 2, diagnostics: readonly Diagnostic[]): Delivery {
  return { exit, diagnostics, delivered: null };
}

function busy(file: string, holder: string): Diagnostic {
  return diagnostic(
    'BUN015',
    { file, position: null },
    {
      what: `another plan writes this bundle: ${holder}`,
      why: 'Two at once would mix their files.',
      remedy: 'Wait until it has ended. If it runs nowhere any more, remove the lock file.',
    },
  );
}

function refused({ directory, compareOnly }: Destination, error: unknown): Delivery {
  const mount = ['EBUSY', 'EXDEV'].includes(codeOf(error));
  const found = diagnostic(
    compareOnly ? 'BUN001' : mount ? 'BUN016' : 'BUN005',
    { file: directory, position: null },
    {
      what: `the bundle cannot be ${compareOnly ? 'read' : 'written'}: ${messageOf(error)}`,
      why: compareOnly ? 'It cannot be compared.' : 'The directory is unchanged.',
      remedy: mount
        ? 'If this is a mount point, give a directory inside it: --out DIRECTORY.'
        : 'Fix the reported error, or name another directory.',
    },
  );
  return failed(2, [found]);
}

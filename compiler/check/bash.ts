// Scripts on disk -> findings of `bash -n`, which reads a script without running it.

import { join } from 'node:path';
import { type Diagnostic, diagnostic } from '../diagnostic.ts';

const atOnce = 4;

/** Findings about the scripts at these paths of a directory; CHK012 if there is no bash. */
export async function checkSyntax(
  directory: string,
  paths: readonly string[],
): Promise<readonly Diagnostic[]> {
  const { $, which } = await import('zx/core');
  const bash = await which('bash', { nothrow: true });
  if (bash === null) return [noBash()];
  const run = $({ nothrow: true, quiet: true, verbose: false });
  const findings: Diagnostic[] = [];
  for (let next = 0; next < paths.length; next += atOnce) {
    const some = paths.slice(next, next + atOnce);
    const results = await Promise.all(
      some.map(async (path) => ({
        path,
        result: await run`${bash} -n -- ${join(directory, path)}`,
      })),
    );
    for (const { path, result } of results) {
      if (result.exitCode !== 0) findings.push(finding(path, result.stderr));
    }
  }
  return findings;
}

function finding(path: string, stderr: string): Diagnostic {
  const line = /: line ([0-9]+): /u.exec(stderr)?.[1];
  const position = line === undefined ? null : { line: Number(line), column: 1 };
  return diagnostic(
    'CHK001',
    { file: path, position },
    {
      what: stderr.trim().split('\n')[0] ?? 'bash reports a syntax error',
      why: 'A script with a syntax error runs nothing, or stops halfway.',
      remedy: 'This is a bug in plan. Please report it and attach the inventory.',
    },
  );
}

function noBash(): Diagnostic {
  return diagnostic(
    'CHK012',
    { file: 'bash', position: null },
    {
      what: 'bash is not on the PATH',
      why: '"bash -n" checks every script before it is written.',
      remedy: 'Install bash 4.4 or newer.',
    },
  );
}

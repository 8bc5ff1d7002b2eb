// What `plan compile` and `plan emit` share: the options of the checks, and how their result is printed.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import type { Checks } from '../check/check.ts';
import type { Outcome } from '../compile.ts';
import { once } from './inventory-options.ts';
import { count, type OutputOptions, outputOptions, print, report } from './output.ts';
import { progressLine } from './progress.ts';

/** The options of the checks. */
export interface CheckOptions extends OutputOptions {
  readonly shellcheck?: string;
  readonly requireShellcheck?: true;
  readonly lint: boolean;
  readonly strict?: true;
}

/** Adds the options of the checks. */
export function checkOptions(command: Command): Command {
  return outputOptions(command)
    .option('--shellcheck <path>', 'use this ShellCheck, 0.8 or newer', once)
    .option('--require-shellcheck', 'fail if there is no ShellCheck')
    .addOption(
      new Option('--no-lint', 'do not check the scripts (bash -n, ShellCheck)').conflicts([
        'shellcheck',
        'requireShellcheck',
      ]),
    );
}

/** The checks that the options ask for. */
function checksOf(options: CheckOptions, progress: Checks['progress']): Checks {
  return {
    enabled: options.lint,
    shellcheck: options.shellcheck ?? null,
    required: options.requireShellcheck === true || options.strict === true,
    progress,
  };
}

/** Makes a bundle, with a line of progress on a terminal, and prints what became of it. */
export async function withBundle(
  options: CheckOptions,
  make: (checks: Checks) => Promise<Outcome>,
): Promise<void> {
  const outcome = await withProgress(options, make);
  const { result } = outcome;
  if ((await report(outcome, options)) && result !== null) print(bundleWords(result));
}

/** Makes something with the checks that the options ask for, and a line of progress on a terminal. */
export async function withProgress<Made>(
  options: CheckOptions,
  make: (checks: Checks) => Promise<Made>,
): Promise<Made> {
  const line = progressLine();
  try {
    return await make(checksOf(options, line.show));
  } finally {
    line.clear();
  }
}

const words = {
  written: 'written',
  unchanged: 'unchanged',
  same: 'matches this inventory',
} as const;

/** Bundles for before an incident have a page that leads to the others. */
function firstPage(directory: string): string {
  const choice = join(directory, 'README.md');
  return existsSync(choice) ? choice : join(directory, 'RUNBOOK.md');
}

/** What became of a bundle, for people. */
export function bundleWords(result: NonNullable<Outcome['result']>): string {
  const { directory, files, scripts, plans } = result;
  const lines = plans.flatMap((plan) => [
    plan.quorum,
    `recovery host ${plan.recoveryHost}: ${plan.because}`,
  ]);
  lines.push(
    `${directory}: ${count(scripts, 'script')}, ${count(files, 'file')}, ${words[result.state]}`,
  );
  lines.push(
    ...result.tools.map(({ architecture, name, version, ran }) => {
      const from = ran ? '' : ' (stated by the file, not run on this machine)';
      return `tools/${architecture}/${name}: ${version}${from}`;
    }),
  );
  if (result.state !== 'same') {
    lines.push(
      result.linted && result.lint.found
        ? `linted with ShellCheck ${result.lint.version} (${result.lint.from})`
        : `NOT LINTED: ${result.lint.found ? 'not requested' : result.lint.because}`,
      `read ${firstPage(directory)}`,
    );
  }
  lines.push(`SHA256SUMS sha256:${result.manifest} (write it down on paper)`);
  return `${lines.join('\n')}\n`;
}

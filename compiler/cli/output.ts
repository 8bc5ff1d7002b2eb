// What a command prints: results to standard output, diagnostics to standard error or in a form for tools.

import { type Command, Option } from 'commander';
import { type Diagnostic, formatDiagnostics, hasErrors } from '../diagnostic.ts';
import { colourOn } from './terminal.ts';

const formats = ['text', 'json', 'github', 'sarif'] as const;

/** What every command that prints diagnostics has. */
export interface OutputOptions {
  readonly format?: (typeof formats)[number];
  readonly json?: true;
}

/** Adds the options of the output. */
export function outputOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--format <format>', 'how diagnostics are printed (default: text)').choices([
        ...formats,
      ]),
    )
    .addOption(new Option('--json', 'same as --format json').conflicts('format'));
}

/** What a command found, as machines read it. */
export interface Report {
  readonly exit: 0 | 1 | 2;
  readonly diagnostics: readonly Diagnostic[];
  /** The texts that diagnostics have positions in, by the name of the file. */
  readonly sources?: ReadonlyMap<string, string>;
  readonly result: unknown;
}

/** The version of the JSON form. Within one version, fields are only added. */
const reportFormat = 'report/1';

/** Writes to standard output. */
export function print(text: string): void {
  process.stdout.write(text);
}

/**
 * Sets the exit status and prints the diagnostics, with --format json also the result.
 * True if the caller prints the result.
 */
export async function report(found: Report, options: OutputOptions): Promise<boolean> {
  const { exit, diagnostics, result } = found;
  process.exitCode = exit;
  const format = options.json ? 'json' : (options.format ?? 'text');
  if (format === 'json') {
    const form = { format: reportFormat, ok: exit === 0, diagnostics, result };
    print(`${JSON.stringify(form, null, 2)}\n`);
    return false;
  }
  if (format === 'sarif') {
    const { sarif } = await import('./sarif.ts');
    print(`${JSON.stringify(sarif(diagnostics), null, 2)}\n`);
    return false;
  }
  if (format === 'github') {
    const { githubLines } = await import('./github.ts');
    print(githubLines(diagnostics));
  } else {
    complain(diagnostics, found.sources);
  }
  return result !== null;
}

/** A mistake in the arguments: a line to standard error, exit status 2. */
export function usage(command: Command, words: string): never {
  return command.error(`error: ${words}`);
}

/** A number with its noun, such as `2 hosts`. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

function complain(diagnostics: readonly Diagnostic[], sources: Report['sources']): void {
  const [first] = diagnostics;
  if (first === undefined) return;
  const form = { colour: colourOn(process.stderr), ...(sources === undefined ? {} : { sources }) };
  const errors = diagnostics.filter((each) => hasErrors([each]));
  const total = `${count(errors.length, 'error')}, ${count(diagnostics.length - errors.length, 'warning')}`;
  const { code } = errors[0] ?? first;
  process.stderr.write(
    `${formatDiagnostics(diagnostics, form)}${total}. "plan explain ${code}" says more.\n`,
  );
}

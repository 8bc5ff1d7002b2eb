// What a command prints: results to standard output, diagnostics to standard error or in a form for tools.

import { type Command, Option } from 'commander';
import { type Diagnostic, firstOf, formatDiagnostics } from '../diagnostic.ts';
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
  /** A unified diff, if one was asked for. */
  readonly diff?: string;
}

/** How many diagnostics are printed, in every form. */
const most = 50;

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
  const { exit, result, diff } = found;
  process.exitCode = exit;
  const diagnostics = firstOf(found.diagnostics, most);
  const more = found.diagnostics.length - diagnostics.length;
  const format = options.json ? 'json' : (options.format ?? 'text');
  if (format === 'json') {
    const form = {
      ...{ format: reportFormat, ok: exit === 0, diagnostics },
      ...(more > 0 ? { more } : {}),
      ...(diff === undefined ? {} : { diff }),
      result,
    };
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
    complain(found, diagnostics);
  }
  if (diff !== undefined) print(diff);
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

function complain({ diagnostics: all, sources }: Report, diagnostics: readonly Diagnostic[]): void {
  const [first] = diagnostics;
  if (first === undefined) return;
  const form = { colour: colourOn(process.stderr), ...(sources === undefined ? {} : { sources }) };
  const many = (severity: Diagnostic['severity']) =>
    all.filter((each) => each.severity === severity).length;
  const notes = many('note');
  const total = [
    ...[count(many('error'), 'error'), count(many('warning'), 'warning')],
    ...(notes > 0 ? [count(notes, 'note')] : []),
  ].join(', ');
  const left = all.length - diagnostics.length;
  const more = left === 0 ? '' : `... and ${left} more\n`;
  const { code } = diagnostics.find(({ severity }) => severity === 'error') ?? first;
  process.stderr.write(
    `${formatDiagnostics(diagnostics, form)}${more}${total}. "plan explain ${code}" says more.\n`,
  );
}

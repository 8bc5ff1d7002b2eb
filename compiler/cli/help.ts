// What the help of a command says after its options: examples and exit statuses.

import type { Command } from 'commander';

/** What a command's help and its part of the man page add to its commander definition. */
export interface Help {
  /** A command line, and what it does. */
  readonly examples: readonly (readonly [string, string])[];
  /** What each exit status means. Left out: as for most commands. */
  readonly exits?: Exits;
  /** One more remark, a sentence or two. */
  readonly remark?: string;
}

/** The meaning of the exit statuses. */
interface Exits {
  readonly 0: string;
  readonly 1: string;
  readonly 2: string;
}

const usual: Exits = { 0: 'success', 1: 'problems found', 2: 'could not run' };
const described = new WeakMap<Command, Required<Help>>();

/** Adds examples and exit statuses to the help of a command. Returns the command. */
export function describe(command: Command, help: Help): Command {
  const complete = { exits: usual, remark: '', ...help };
  described.set(command, complete);
  return command.addHelpText('after', () => afterOptions(complete));
}

/** What `describe` added to a command. */
export function helpOf(command: Command): Required<Help> {
  return described.get(command) ?? { examples: [], exits: usual, remark: '' };
}

/** The exit statuses in one sentence. */
export function exitWords({ exits }: Required<Help>): string {
  return `${Object.entries(exits)
    .map(([status, words]) => `${status} ${words}`)
    .join(', ')}.`;
}

/** A title of the help. Commander removes the style if there are no colours. */
export function strong(text: string): string {
  return `\u001b[1m${text}\u001b[22m`;
}

function afterOptions(help: Required<Help>): string {
  return [
    '',
    strong(help.examples.length === 1 ? 'Example:' : 'Examples:'),
    ...help.examples.flatMap(([line, words]) => [`  ${line}`, `      ${words}`]),
    '',
    `${strong('Exit status:')} ${exitWords(help)}`,
    ...(help.remark === '' ? [] : [help.remark]),
  ].join('\n');
}

// The commander definitions -> what shell completion and the man page say about them.

import type { Command } from 'commander';
import { codes } from '../codes.ts';

/** What a shell offers for a value. */
export type Value =
  | { readonly kind: 'file' | 'directory' | 'none' }
  | { readonly kind: 'words' | 'words-or-file'; readonly words: readonly string[] };

/** One option of a command. */
export interface SurfaceOption {
  /** As the help shows it, such as `--out <directory>`. */
  readonly flags: string;
  /** Such as `-h`, or null. */
  readonly short: string | null;
  readonly long: string;
  readonly description: string;
  /** Null: it takes no value. */
  readonly value: Value | null;
}

/** One argument of a command. */
interface SurfaceArgument {
  readonly name: string;
  readonly description: string;
  /** Whether it can be repeated. */
  readonly variadic: boolean;
  readonly value: Value;
}

/** One command. */
export interface SurfaceCommand {
  readonly name: string;
  readonly description: string;
  /** As the help shows it, such as `plan compile [options] <inventory>`. */
  readonly usage: string;
  readonly arguments: readonly SurfaceArgument[];
  readonly options: readonly SurfaceOption[];
  readonly definition: Command;
}

/** A program and its commands. */
export interface Surface {
  readonly plan: SurfaceCommand;
  readonly commands: readonly SurfaceCommand[];
}

/** What a value is, by the name that the help gives it. */
const values: Readonly<Record<string, Value>> = {
  inventory: { kind: 'file' },
  plan: { kind: 'file' },
  bundle: { kind: 'file' },
  sha: { kind: 'none' },
  file: { kind: 'file' },
  files: { kind: 'file' },
  path: { kind: 'file' },
  directory: { kind: 'directory' },
  old: { kind: 'file' },
  new: { kind: 'file' },
  what: { kind: 'words-or-file', words: Object.keys(codes) },
  ids: { kind: 'none' },
  name: { kind: 'none' },
  url: { kind: 'none' },
};

/** The surface of a program. Throws if a value has a name that is not known here. */
export function surfaceOf(program: Command): Surface {
  return { plan: surface(program), commands: program.commands.map(surface) };
}

function surface(command: Command): SurfaceCommand {
  const help = command.createHelp();
  return {
    name: command.name(),
    description: command.description(),
    usage: help.commandUsage(command),
    arguments: command.registeredArguments.map((argument) => {
      const value = valueNamed(argument.name(), argument.argChoices);
      const { variadic } = argument;
      return {
        name: argument.name(),
        description: help.argumentDescription(argument),
        variadic,
        value,
      };
    }),
    options: help.visibleOptions(command).map((option) => ({
      flags: option.flags,
      short: option.short ?? null,
      long: option.long ?? '',
      description: help.optionDescription(option),
      value:
        option.required || option.optional
          ? valueNamed(/[<[]([a-z]+)/u.exec(option.flags)?.[1] ?? '', option.argChoices)
          : null,
    })),
    definition: command,
  };
}

function valueNamed(name: string, choices: readonly string[] | undefined): Value {
  if (choices !== undefined) return { kind: 'words', words: choices };
  const value = values[name];
  if (value === undefined) throw new Error(`what a shell offers for <${name}> is not known`);
  return value;
}

// The commands of `plan`. To add one, write a file for it and add it to the list.

import { Command } from 'commander';
import { version } from '../version.ts';
import { chooseCommand } from './choose.ts';
import { compileCommand } from './compile.ts';
import { completionCommand } from './completion.ts';
import { diffCommand } from './diff.ts';
import { emitCommand } from './emit.ts';
import { explainCommand } from './explain.ts';
import { describe, strong } from './help.ts';
import { initCommand } from './init.ts';
import { manCommand } from './man.ts';
import { packCommand } from './pack.ts';
import { quorumCommand } from './quorum.ts';
import { recordCommand } from './record.ts';
import { reviewCommand } from './review.ts';
import { schemaCommand } from './schema.ts';
import { validateCommand } from './validate.ts';
import { verifyCommand } from './verify.ts';

/** In the order in which the help lists them. A command loads what it needs when it runs. */
const commands: readonly (() => Command)[] = [
  initCommand,
  validateCommand,
  quorumCommand,
  compileCommand,
  chooseCommand,
  emitCommand,
  packCommand,
  verifyCommand,
  explainCommand,
  reviewCommand,
  diffCommand,
  recordCommand,
  schemaCommand,
  completionCommand,
  manCommand,
];

/** The command line, ready to parse. It throws a CommanderError instead of ending the process. */
export function program(): Command {
  const plan = new Command('plan')
    .description('Compiles the inventory of a pgEdge Control Plane cluster into recovery scripts.')
    .version(version())
    .exitOverride()
    .showHelpAfterError('See: plan --help')
    .configureHelp({ showGlobalOptions: true, styleTitle: strong });
  for (const make of commands) {
    const command = make().copyInheritedSettings(plan);
    plan.addCommand(command.showHelpAfterError(`See: plan ${command.name()} --help`));
  }
  return describe(plan, {
    examples: [
      ['plan compile inventory.json', 'write the bundle of scripts'],
      ['plan compile --help', 'show the options of a command'],
    ],
  });
}

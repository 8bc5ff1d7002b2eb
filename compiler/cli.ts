#!/usr/bin/env node
// Command line -> what `plan` does. The commands are in cli/; only they print or set an exit status.

import { CommanderError } from 'commander';
import { reportFailure, watchOutput, watchSignals } from './cli/ending.ts';
import { program } from './cli/program.ts';

watchOutput();
watchSignals();

try {
  await program().parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else await reportFailure(error, process.argv.slice(2));
}

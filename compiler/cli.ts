#!/usr/bin/env node
// Command line -> what `plan` does. The commands are in cli/; only they print or set an exit status.

import { CommanderError } from 'commander';
import { program } from './cli/program.ts';

// A closed pipe (`| head`) is not an error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

try {
  await program().parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  } else {
    const { stack } = error instanceof Error ? error : { stack: String(error) };
    process.stderr.write(`plan: internal error, please report it\n${stack}\n`);
    process.exitCode = 2;
  }
}

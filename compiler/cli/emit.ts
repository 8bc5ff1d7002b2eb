// `plan emit`: a plan becomes its bundle again.

import { Command } from 'commander';
import { type CheckOptions, checkOptions, withBundle } from './bundle-options.ts';
import { describe } from './help.ts';
import { once } from './inventory-options.ts';

interface EmitOptions extends CheckOptions {
  readonly out: string;
}

/** `plan emit` */
export function emitCommand(): Command {
  const command = new Command('emit')
    .description('Write the bundle again from its plan.json.')
    .argument('<plan>', 'plan.json of a bundle')
    .requiredOption('--out <directory>', 'write the bundle to this directory', once);
  return describe(checkOptions(command).action(run), {
    examples: [['plan emit recovery/plan.json --out again', 'write the same bundle to again/']],
  });
}

async function run(file: string, options: EmitOptions): Promise<void> {
  const { emit } = await import('../compile.ts');
  const destination = { directory: options.out, compareOnly: false };
  await withBundle(options, (checks) => emit(file, destination, checks));
}

// `plan completion`: a script with which a shell completes the command line. It starts no program.

import { Argument, Command } from 'commander';
import { describe } from './help.ts';
import { print } from './output.ts';

const shells = ['bash', 'zsh', 'fish'] as const;

/** `plan completion` */
export function completionCommand(): Command {
  const command = new Command('completion')
    .description('Print a script for the completion of commands in a shell.')
    .addArgument(new Argument('<shell>', 'shell that completes').choices(shells));
  return describe(command.action(run), {
    examples: [
      ['source <(plan completion bash)', 'for this session; put it into ~/.bashrc for all'],
      ['plan completion zsh >~/.zfunc/_plan', 'in a directory of $fpath'],
      ['plan completion fish >~/.config/fish/completions/plan.fish', 'for all sessions'],
    ],
  });
}

async function run(shell: (typeof shells)[number], _: unknown, command: Command): Promise<void> {
  const [{ surfaceOf }, { bash, fish, zsh }] = await Promise.all([
    import('./surface.ts'),
    import('./completion-scripts.ts'),
  ]);
  const write = { bash, zsh, fish }[shell];
  print(write(surfaceOf(command.parent ?? command)));
}

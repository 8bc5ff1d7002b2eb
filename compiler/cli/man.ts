// `plan man`: the manual page, made from the commander definitions.

import { Command } from 'commander';
import { describe } from './help.ts';
import { print } from './output.ts';

/** `plan man` */
export function manCommand(): Command {
  const command = new Command('man').description('Print the manual page.');
  return describe(command.action(run), {
    examples: [
      ['plan man | man -l -', 'read it'],
      ['plan man >/usr/local/share/man/man1/plan.1', 'install it, for "man plan"'],
    ],
  });
}

async function run(_: unknown, command: Command): Promise<void> {
  const [{ surfaceOf }, { manual }] = await Promise.all([
    import('./surface.ts'),
    import('./manual.ts'),
  ]);
  print(manual(surfaceOf(command.parent ?? command)));
}

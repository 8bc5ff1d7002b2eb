// `plan diff`: what differs between two bundles or two plans.

import { Command } from 'commander';
import { describe } from './help.ts';
import { type OutputOptions, outputOptions, print, report } from './output.ts';

/** `plan diff` */
export function diffCommand(): Command {
  const command = new Command('diff')
    .description('Show in words what differs between two bundles or two plans.')
    .argument('<old>', 'directory of a bundle, or a plan.json')
    .argument('<new>', 'directory of a bundle, or a plan.json');
  return describe(outputOptions(command).action(run), {
    examples: [['plan diff recovery recovery-2', 'show what changed, value by value']],
    exits: { 0: 'same', 1: 'different', 2: 'could not run' },
  });
}

async function run(old: string, now: string, options: OutputOptions): Promise<void> {
  const [{ openSide }, { diff }, { differenceWords }] = await Promise.all([
    import('../review/sides.ts'),
    import('../review/diff.ts'),
    import('../review/words.ts'),
  ]);
  const [before, after] = [await openSide(old), await openSide(now)];
  if (!('scripts' in before && 'scripts' in after)) {
    const diagnostics = [before, after].flatMap((side) => ('scripts' in side ? [] : [...side]));
    await report({ exit: 2, diagnostics, result: null }, options);
    return;
  }
  const result = diff(before, after);
  if (await report({ exit: result.same ? 0 : 1, diagnostics: [], result }, options)) {
    print(differenceWords(result));
  }
}

// `plan review`: what there is to review in a bundle.

import { Command } from 'commander';
import { describe } from './help.ts';
import { once } from './inventory-options.ts';
import { type OutputOptions, outputOptions, print, report } from './output.ts';

interface ReviewOptions extends OutputOptions {
  readonly known?: string;
  readonly digests?: true;
}

/** `plan review` */
export function reviewCommand(): Command {
  const command = new Command('review')
    .description('Show what there is to review in a bundle, and check its digests.')
    .argument('<directory>', 'directory of a bundle')
    .option('--known <file>', 'list only what has none of these digests', once)
    .option('--digests', 'print the digest of every page and function, for --known');
  return describe(outputOptions(command).action(run), {
    examples: [
      ['plan review recovery --digests >reviewed.txt', 'write down what you have reviewed'],
      ['plan review recovery-2 --known reviewed.txt', 'list only what is new since'],
    ],
    exits: {
      0: 'as stated and nothing new',
      1: 'something is new or differs',
      2: 'could not run',
    },
    remark: 'Without --known nothing counts as new.',
  });
}

async function run(directory: string, options: ReviewOptions): Promise<void> {
  const known = options.known ?? null;
  const { digestLines, reviewBundle, reviewWords } = await import('../review/review.ts');
  const reviewed = await reviewBundle(directory, known);
  const { diagnostics, result } = reviewed;
  if (!(await report(reviewed, options)) || result === null) return;
  if (!options.digests) print(reviewWords(result, known));
  // Digests of changed files must not count as reviewed.
  else if (diagnostics.length === 0) print(digestLines(result));
}

// `plan choose`: the evidence of several hosts, compared; and the bundle of the host that holds the most.

import { Command } from 'commander';
import type { Choice } from '../choose.ts';
import { bundleWords, type CheckOptions, checkOptions, withProgress } from './bundle-options.ts';
import { describe } from './help.ts';
import {
  commas,
  type InventoryOptions,
  once,
  strictOption,
  toolsOption,
} from './inventory-options.ts';
import { print, report, usage } from './output.ts';

interface ChooseOptions extends CheckOptions, InventoryOptions {
  readonly out?: string;
  readonly tools?: string;
  readonly without?: readonly string[];
}

/** `plan choose` */
export function chooseCommand(): Command {
  const command = new Command('choose')
    .description(
      'Compare the evidence of triage.sh, and compile the bundle of the best recovery host.',
    )
    .argument('<files...>', 'files of triage.sh --json, and the inventory as the last one')
    .option('--out <directory>', 'write the bundle of the chosen host to this directory', once)
    .option('--lost <ids>', 'ids of lost hosts, separated by commas', commas)
    .option('--without <ids>', 'leave out hosts whose data cannot be read', commas)
    .option(...toolsOption)
    .option(...strictOption);
  return describe(checkOptions(command).action(run), {
    examples: [
      ['plan choose evidence-*.json inventory.json', 'which host holds the most?'],
      [
        'plan choose evidence-*.json inventory.json --lost host-3 --out recovery',
        'and the bundle to recover on it',
      ],
    ],
    exits: { 0: 'a recovery host is recommended', 1: 'problems found', 2: 'could not run' },
    remark: 'The rules are those of triage.sh --compare.',
  });
}

async function run(
  files: readonly string[],
  options: ChooseOptions,
  command: Command,
): Promise<void> {
  const inventory = files.at(-1);
  const evidence = files.slice(0, -1);
  if (inventory === undefined || evidence.length === 0) {
    usage(command, 'files of evidence are needed, and the inventory after them');
  }
  const { lost = [], without = [], strict = false, out, tools = null } = options;
  const destination = out === undefined ? null : { directory: out, compareOnly: false };
  const request = { lost, without, strict, destination, tools, now: Date.now() / 1000 };
  const { choose } = await import('../choose.ts');
  const chosen = await withProgress(options, (checks) =>
    choose(evidence, inventory, request, checks),
  );
  if ((await report(chosen, options)) && chosen.result !== null) print(choiceWords(chosen.result));
}

/** The comparison and the bundle. Problems are printed as diagnostics. */
function choiceWords({ comparison, bundle }: NonNullable<Choice['result']>): string {
  const lines = comparison.lines.filter((line) => !line.startsWith('PROBLEM: '));
  return `${lines.join('\n')}\n${bundle === null ? '' : bundleWords(bundle)}`;
}

// `plan compile`: an inventory becomes a bundle.

import { type Command, Option } from 'commander';
import { type CheckOptions, checkOptions, withBundle } from './bundle-options.ts';
import { describe } from './help.ts';
import {
  type InventoryOptions,
  inventoryCommand,
  once,
  strictOption,
  toolsOption,
} from './inventory-options.ts';
import { usage } from './output.ts';

interface CompileOptions extends CheckOptions, InventoryOptions {
  readonly out?: string;
  readonly check?: string;
  readonly diff?: true;
  readonly tools?: string;
}

/** `plan compile` */
export function compileCommand(): Command {
  const command = inventoryCommand(
    'compile',
    'Compile an inventory into a bundle of scripts, runbook and plan.',
  )
    .option(
      '--out <directory>',
      'write the bundle to this directory (default: one with the name of the cluster, next to the inventory)',
      once,
    )
    .addOption(
      new Option('--check <directory>', 'write nothing; report differences from this bundle')
        .conflicts('out')
        .argParser(once),
    )
    .option('--diff', 'with --check: show the differences as a unified diff')
    .option(...toolsOption)
    .option(...strictOption);
  return describe(checkOptions(command).action(run), {
    examples: [
      ['plan compile inventory.json', 'write a bundle to a directory next to the inventory'],
      ['plan compile inventory.json --lost host-2,host-3 --out recovery', 'declare two losses'],
      ['plan compile inventory.json --check recovery --diff', 'is recovery/ still up to date?'],
      ['plan compile inventory.json --tools releases', 'with the etcd tools and jq in releases/'],
    ],
  });
}

async function run(inventory: string, options: CompileOptions, command: Command): Promise<void> {
  const { lost = [], strict = false, out, check, diff = false, tools = null } = options;
  if (diff && check === undefined) usage(command, '--diff is for --check DIRECTORY');
  const directory = check ?? out;
  const destination =
    directory === undefined ? null : { directory, compareOnly: check !== undefined, diff };
  const { compile } = await import('../compile.ts');
  const request = { lost, strict, destination, tools };
  await withBundle(options, (checks) => compile(inventory, request, checks));
}

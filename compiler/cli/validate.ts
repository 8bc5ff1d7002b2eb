// `plan validate`: whether an inventory is valid. Nothing is written.

import type { Command } from 'commander';
import { describe } from './help.ts';
import { type InventoryOptions, inventoryCommand, strictOption } from './inventory-options.ts';
import { count, type OutputOptions, outputOptions, print, report } from './output.ts';

interface ValidateOptions extends OutputOptions, InventoryOptions {
  readonly strict?: true;
}

/** `plan validate` */
export function validateCommand(): Command {
  const command = inventoryCommand('validate', 'Check an inventory and write nothing.');
  return describe(outputOptions(command.option(...strictOption)).action(run), {
    examples: [
      ['plan validate inventory.json', 'report all problems at once'],
      ['plan validate inventory.json --strict --format github', 'in a workflow of GitHub Actions'],
    ],
  });
}

async function run(file: string, options: ValidateOptions): Promise<void> {
  const { validate } = await import('../inspect.ts');
  const found = await validate(file, options.lost ?? [], options.strict === true);
  if (!(await report(found, options)) || found.result === null) return;
  const { file: name, cluster, servers, clients, quorum } = found.result;
  const hosts = `${count(servers, 'server host')}, ${count(clients, 'client host')}`;
  print(`${name}: valid; cluster ${cluster}, ${hosts}\n${quorum}\n`);
}

// `plan quorum`: the arithmetic alone.

import type { Command } from 'commander';
import type { QuorumReport } from '../inspect.ts';
import { describe } from './help.ts';
import { type InventoryOptions, inventoryCommand } from './inventory-options.ts';
import { count, type OutputOptions, outputOptions, print, report } from './output.ts';

/** `plan quorum` */
export function quorumCommand(): Command {
  const command = inventoryCommand('quorum', 'Show the quorum arithmetic of an inventory.');
  return describe(outputOptions(command).action(run), {
    examples: [
      ['plan quorum inventory.json', 'how many server hosts can be lost?'],
      ['plan quorum inventory.json --lost host-2,host-3', 'is the quorum lost without them?'],
    ],
    exits: {
      0: 'success, whatever the quorum is',
      1: 'problems found in the inventory',
      2: 'could not run',
    },
    remark: 'Server hosts in any state but "alive" count as lost. Client hosts do not count.',
  });
}

async function run(file: string, options: OutputOptions & InventoryOptions): Promise<void> {
  const { quorumOf } = await import('../inspect.ts');
  const found = await quorumOf(file, options.lost ?? []);
  if ((await report(found, options)) && found.result !== null) print(words(found.result));
}

function words({ words: sum, servers, lost, alive, spare, ...quorum }: QuorumReport): string {
  const lines = [sum, `server hosts: ${servers.join(', ')}`];
  if (lost.length > 0) {
    lines.push(`lost: ${lost.join(', ')}`, `alive: ${alive.join(', ') || 'none'}`);
  }
  if (spare === null) {
    lines.push(`recovery host: ${quorum.recoveryHost ?? 'none is alive or replaced'}`);
  } else {
    const more = lost.length > 0 ? 'more server host' : 'server host';
    lines.push(
      spare === 0
        ? 'The quorum is lost with the next server host.'
        : `The quorum survives the loss of ${count(spare, more)}.`,
    );
  }
  return `${lines.join('\n')}\n`;
}

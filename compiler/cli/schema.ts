// `plan schema`: the JSON Schema of what people write, or of what plan and triage.sh write.

import { Command, Option } from 'commander';
import { describe } from './help.ts';
import { print } from './output.ts';

/** `plan schema` */
export function schemaCommand(): Command {
  const command = new Command('schema')
    .description('Print the JSON Schema of an inventory, of a plan.json or of evidence.')
    .option('--plan', 'print the schema of plan.json')
    .addOption(
      new Option('--evidence', 'print the schema of what triage.sh --json prints').conflicts(
        'plan',
      ),
    );
  return describe(command.action(run), {
    examples: [['plan schema >inventory.schema.json', 'a schema for editors; name it in $schema']],
  });
}

async function run(options: { readonly plan?: true; readonly evidence?: true }): Promise<void> {
  print(`${JSON.stringify(await schemaFor(options), null, 2)}\n`);
}

async function schemaFor({
  plan,
  evidence,
}: {
  readonly plan?: true;
  readonly evidence?: true;
}): Promise<Readonly<Record<string, unknown>>> {
  if (plan) return (await import('../plan/ir.ts')).planSchema();
  if (evidence) return (await import('../evidence/schema.ts')).evidenceSchema();
  return (await import('../inventory/schema.ts')).inventorySchema();
}

// Example inventories -> their committed bundles in generated/. With --check: says what is stale.
//
// Unlike `plan compile` it may overwrite: git keeps what was there, and the difference is the review.

import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundle } from '../compiler/bundle/bundle.ts';
import { compare } from '../compiler/bundle/write.ts';
import { planAll } from '../compiler/compile.ts';
import { type Diagnostic, formatDiagnostics } from '../compiler/diagnostic.ts';
import type { EmittedFile } from '../compiler/emit/script.ts';
import { loadTemplates } from '../compiler/emit/templates.ts';
import { parse } from '../compiler/inventory/parse.ts';
import { inventorySchema } from '../compiler/inventory/schema.ts';

/** Where the examples live. */
export const generated = fileURLToPath(new URL('../generated/', import.meta.url));

/** The names of the examples: every folder of generated/. */
export function examples(): readonly string[] {
  return readdirSync(generated, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
}

/** The files an example's inventory gives now. Throws where the inventory is refused. */
export async function bundleOf(example: string): Promise<readonly EmittedFile[]> {
  const text = readFileSync(join(generated, example, 'inventory.json'), 'utf8');
  const parsed = parse(text, `generated/${example}/inventory.json`);
  if (!parsed.ok) throw new Error(formatDiagnostics(parsed.diagnostics, { colour: false }));
  return [...bundle(planAll(parsed.inventory), text, loadTemplates())];
}

/** What is stale, missing or left over in an example's folder. */
export async function stale(example: string): Promise<readonly Diagnostic[]> {
  return compare(join(generated, example), await bundleOf(example));
}

async function accept(example: string): Promise<void> {
  const files = await bundleOf(example);
  const folder = join(generated, example);
  rmSync(folder, { recursive: true });
  for (const file of files) {
    const path = join(folder, file.path);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, file.text);
    chmodSync(path, file.mode);
  }
}

const schemaFile = join(generated, 'inventory.schema.json');

function schemaText(): string {
  return `${JSON.stringify(inventorySchema(), null, 2)}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv.includes('--check')) {
    const found = (await Promise.all(examples().map(stale))).flat();
    const schema = readFileSync(schemaFile, 'utf8') === schemaText();
    process.stdout.write(formatDiagnostics(found, { colour: false }));
    if (!schema) process.stdout.write(`${schemaFile} is stale\n`);
    if (found.length > 0 || !schema) {
      process.stdout.write('run: npm run accept, and review the difference\n');
      process.exitCode = 1;
    }
  } else {
    for (const example of examples()) await accept(example);
    writeFileSync(schemaFile, schemaText());
  }
}

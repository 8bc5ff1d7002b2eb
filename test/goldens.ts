// Example inventories -> what is committed of their bundles in generated/. With --check: says what is
// stale. With --bundles DIR: writes the complete bundles there, for tests.
//
// Unlike `plan compile` it may overwrite: git keeps what was there, and the difference is the review.

import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundle } from '../compiler/bundle/bundle.ts';
import { compare } from '../compiler/bundle/compare.ts';
import { manual } from '../compiler/cli/manual.ts';
import { program } from '../compiler/cli/program.ts';
import { surfaceOf } from '../compiler/cli/surface.ts';
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

/** The example whose bundle is committed completely. */
const complete = 'three-servers-two-lost';

/**
 * What is committed of an example: of one everything; of the others what a person reads, which is of
 * a script its page, and the runbook in one form. So a change of one function shows in the scripts of
 * one bundle, not of all.
 */
export async function committedOf(example: string): Promise<readonly EmittedFile[]> {
  const files = await bundleOf(example);
  if (example === complete) return files;
  return files
    .filter(
      ({ path }) =>
        !/(?:^|\/)(?:SHA256SUMS|review\.sh|recover\.sh|triage\.sh|RUNBOOK\.html)$/u.test(path),
    )
    .map((file) => (isScript(file.path) ? pageOf(file) : file));
}

function isScript(path: string): boolean {
  return path.endsWith('.sh');
}

/** A script's header without digests, its guards and its commands. */
function pageOf({ path, text }: EmittedFile): EmittedFile {
  const page = text
    .slice(0, text.indexOf('\n# --- values'))
    .replace(/^# {3}(?:page|functions|engine) +sha256:.*\n/gmu, '');
  return { path: path.replace(/\.sh$/u, '.page'), mode: 0o644, text: page };
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
  return compare(join(generated, example), await committedOf(example), { executableOnly: true });
}

function replace(folder: string, files: readonly EmittedFile[]): void {
  rmSync(folder, { recursive: true, force: true });
  for (const file of files) {
    const path = join(folder, file.path);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, file.text);
    chmodSync(path, file.mode);
  }
}

/** Writes the complete bundle of every example to a directory, each below its name. */
export async function writeBundles(directory: string): Promise<void> {
  for (const example of examples()) replace(join(directory, example), await bundleOf(example));
}

/** What else is generated and committed: the text of each file, by its name. */
const documents: Readonly<Record<string, () => string>> = {
  'inventory.schema.json': () => `${JSON.stringify(inventorySchema(), null, 2)}\n`,
  // Committed so that a package can be made without the dependencies.
  'plan.1': () => manual(surfaceOf(program())),
};

/** The documents that are missing or not what is generated now. */
function staleDocuments(): readonly string[] {
  return Object.entries(documents).flatMap(([name, text]) => {
    const path = join(generated, name);
    return existsSync(path) && readFileSync(path, 'utf8') === text() ? [] : [path];
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [option, directory] = process.argv.slice(2);
  if (option === '--bundles' && directory !== undefined) {
    await writeBundles(directory);
  } else if (option === '--check') {
    const found = (await Promise.all(examples().map(stale))).flat();
    const documents = staleDocuments();
    process.stdout.write(formatDiagnostics(found, { colour: false }));
    for (const path of documents) process.stdout.write(`${path} is stale\n`);
    if (found.length + documents.length > 0) {
      process.stdout.write('run: npm run accept, and review the difference\n');
      process.exitCode = 1;
    }
  } else {
    for (const example of examples()) {
      replace(join(generated, example), await committedOf(example));
    }
    for (const [name, text] of Object.entries(documents)) {
      writeFileSync(join(generated, name), text());
    }
  }
}

// A world -> its bundle in a temporary directory, for tests that change it there.

import { chmodSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { bundle } from '../../../compiler/bundle/bundle.ts';
import { planAll } from '../../../compiler/compile.ts';
import { isRecoveryScript } from '../../../compiler/emit/parts.ts';
import type { EmittedFile } from '../../../compiler/emit/script.ts';
import { loadTemplates } from '../../../compiler/emit/templates.ts';
import { sha256 } from '../../../compiler/sha256.ts';
import { inventoryOf, inventoryText, type World } from '../world.ts';

/** Two of three servers lost. */
export const lost: World = { servers: ['alive', 'returning', 'returning'] };

/** The files of the bundle of a world. */
export function filesOf(world: World): readonly EmittedFile[] {
  return [...bundle(planAll(inventoryOf(world)), inventoryText(world), loadTemplates())];
}

/** Writes files to a new directory with a space and a quote in its name. */
export function written(files: readonly EmittedFile[]): string {
  const directory = mkdtempSync(join(tmpdir(), "plan review's "));
  for (const { path, mode, text } of files) {
    const place = join(directory, path);
    mkdirSync(dirname(place), { recursive: true });
    writeFileSync(place, text);
    chmodSync(place, mode);
  }
  return directory;
}

/** The paths of the recovery scripts among files. */
export function scriptsOf(files: readonly EmittedFile[]): readonly string[] {
  return files.filter(({ text }) => isRecoveryScript(text)).map(({ path }) => path);
}

/** Changes a file in a directory. Throws if nothing changes. */
export function edit(directory: string, path: string, change: (text: string) => string): void {
  const before = readFileSync(join(directory, path), 'utf8');
  const after = change(before);
  if (after === before) throw new Error(`${path}: nothing was changed`);
  writeFileSync(join(directory, path), after);
}

/** Writes SHA256SUMS again, as a person would who wants to hide a change. */
export function sumAgain(directory: string): void {
  edit(directory, 'SHA256SUMS', (text) =>
    text.replace(/^[0-9a-f]{64} {2}(.+)$/gmu, (_, path: string) => {
      return `${sha256(readFileSync(join(directory, path)))}  ${path}`;
    }),
  );
}

/** A script with a changed part: one byte of a comment in it, next to its mark. */
export function oneByte(part: 'page' | 'functions' | 'engine') {
  return (text: string) => {
    const at = text.indexOf('# ', text.indexOf(`\n# --- ${part}`) + 2 + `# --- ${part}`.length);
    return `${text.slice(0, at)}#!${text.slice(at + 2)}`;
  };
}

/** The name of a function that several scripts carry, and these scripts. */
export function sharedFunction(files: readonly EmittedFile[], few = false) {
  const scripts = files.filter(({ text }) => isRecoveryScript(text));
  const names = [...(scripts[0]?.text.matchAll(/^([a-z_0-9]+)\(\) \{$/gmu) ?? [])];
  for (const [opening, name = ''] of names) {
    const carriers = scripts.filter(({ text }) => text.includes(`\n${opening}\n`));
    const enough = carriers.length >= 3 && carriers.length < scripts.length;
    if (enough && (!few || carriers.length < 8)) {
      return { name, opening, scripts: carriers.map(({ path }) => path) };
    }
  }
  throw new Error('no function is shared');
}

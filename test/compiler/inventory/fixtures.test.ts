// One wrong inventory for each INV code, next to the text that a person reads.

import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { codes } from '../../../compiler/codes.ts';
import { formatDiagnostics, hasErrors } from '../../../compiler/diagnostic.ts';
import { parse } from '../../../compiler/inventory/parse.ts';

const directory = new URL('../../fixtures/invalid/', import.meta.url);
const inventoryCodes = Object.keys(codes).filter((code) => code.startsWith('INV'));

/** What else stands on the command line. */
const lost: Readonly<Record<string, readonly string[]>> = { INV042: ['host-2', 'host-33'] };

test('codes and fixtures are the same set', () => {
  const expected = inventoryCodes.flatMap((code) => [`${code}.json`, `${code}.txt`]);
  expect(readdirSync(directory).sort()).toEqual(expected.sort());
});

describe.each(inventoryCodes)('%s', (code) => {
  const text = readFileSync(new URL(`${code}.json`, directory), 'utf8');
  const { ok, diagnostics } = parse(text, `${code}.json`, lost[code]);

  test('is found, and decides the answer by its severity', () => {
    expect(diagnostics.map((each) => each.code)).toContain(code);
    expect(ok).toBe(!hasErrors(diagnostics));
  });

  test('reads as expected', async () => {
    const path = new URL(`${code}.txt`, directory).pathname;
    const sources = new Map([[`${code}.json`, text]]);
    const shown = formatDiagnostics(diagnostics, { colour: false, sources });
    await expect(shown).toMatchFileSnapshot(path);
  });
});

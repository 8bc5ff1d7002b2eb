// Values that an inventory allows never make the linter fail, in the oldest and the newest release.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { bundle } from '../../../compiler/bundle/bundle.ts';
import { deliver } from '../../../compiler/bundle/deliver.ts';
import { planAll } from '../../../compiler/compile.ts';
import { partsOf, readPage } from '../../../compiler/emit/parts.ts';
import { loadTemplates, quotedValue, sh, unquoted } from '../../../compiler/emit/templates.ts';
import { parse } from '../../../compiler/inventory/parse.ts';

const place = mkdtempSync(join(tmpdir(), 'plan values '));
afterAll(() => rmSync(place, { recursive: true }));

/** Each in the place of a path; `N` makes them differ. */
const odd = [
  ...[
    'o\u2019brien N',
    'say \u201chello\u201d N',
    "back\\slash\\'N",
    "'N\\'",
    'end N\\',
    '\\\\N\\\\',
  ],
  ...['`N` $(N) $N', '\u2018N\u2019\\', '"N" & ; | <N>', '~N {a,b} * ? [x]', '!N #N %N', "''N''"],
];

function inventory(value: (n: number) => string): string {
  const path = (n: number) => `/data ${value(n)}/x${value(n)}`;
  const host = (n: number, state: string) => ({
    id: `h-${n}`,
    addresses: [`10.0.0.${n}`],
    mode: n < 4 ? 'server' : 'client',
    dataDirectory: path(n),
    notes: value(n),
    state,
  });
  return JSON.stringify({
    cluster: 'odd',
    notes: value(0),
    swarm: { stackFile: path(10), dockerSocket: `/run/${value(11)}.sock` },
    api: { scheme: 'https', caCert: path(12), clientCert: path(13), clientKey: path(14) },
    hosts: [
      host(1, 'alive'),
      host(2, 'returning'),
      host(3, 'replaced'),
      host(4, 'alive'),
      host(5, 'gone'),
    ],
    recovery: {
      host: 'h-1',
      because: value(15),
      snapshot: { source: 'freshest', path: path(16), sha256: 'a'.repeat(64) },
      tools: { directory: path(17) },
    },
  });
}

function filesOf(value: (n: number) => string) {
  const text = inventory(value);
  const parsed = parse(text, 'odd.json');
  if (!parsed.ok)
    throw new Error(parsed.diagnostics.map(({ what, why }) => `${what} ${why}`).join('\n'));
  return [...bundle(planAll(parsed.inventory), text, loadTemplates())];
}

test.each(odd)('quoted and read back: %j', (value) => {
  expect([...sh(value).matchAll(quotedValue)].map(([text]) => unquoted(text))).toEqual([value]);
});

const release = process.arch === 'x64' ? test : test.skip;
release.each(['0.8.0', '0.11.0'])(
  'typographic quotes, backslashes and the rest, ShellCheck %s',
  async (version) => {
    const shellcheck = fileURLToPath(
      new URL(`../../../.cache/shellcheck/${version}/shellcheck`, import.meta.url),
    );
    const files = filesOf((n) => (odd[n % odd.length] ?? '').replaceAll('N', String(n)));
    const { diagnostics, delivered } = await deliver(
      files,
      { directory: join(place, version), compareOnly: false },
      { enabled: true, shellcheck, required: true, progress: () => {} },
    );
    expect(diagnostics.map(({ file, line, what }) => `${file}:${line} ${what}`)).toEqual([]);
    expect(delivered).toMatchObject({ state: 'written', linted: true });
  },
);

test('pages are taken apart as with plain values', () => {
  const kinds = (value: (n: number) => string) =>
    filesOf(value).flatMap(({ text }) => {
      const parts = partsOf(text);
      return typeof parts === 'string'
        ? []
        : [readPage(parts.page).steps.map(({ title }) => title)];
    });
  expect(kinds((n) => `o\u2019brien\\' ${n}\\`)).toEqual(kinds((n) => `plain ${n}`));
});

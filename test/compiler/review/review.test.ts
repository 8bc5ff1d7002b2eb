import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { digestLines, reviewBundle, reviewWords } from '../../../compiler/review/review.ts';
import {
  edit,
  filesOf,
  lost,
  oneByte,
  scriptsOf,
  sharedFunction,
  sumAgain,
  written,
} from './delivered.ts';

const files = filesOf(lost);
const scripts = scriptsOf(files);
const script = scripts[1] ?? '';
const pristine = written(files);
const place = mkdtempSync(join(tmpdir(), 'plan known '));
let bundle = '';

beforeEach(() => {
  bundle = mkdtempSync(join(place, 'bundle '));
  cpSync(pristine, bundle, { recursive: true });
});
afterAll(() => {
  for (const each of [pristine, place]) rmSync(each, { recursive: true });
});

async function known(): Promise<string> {
  const { result } = await reviewBundle(pristine, null);
  if (result === null) throw new Error('no result');
  const file = join(place, 'known.txt');
  writeFileSync(file, `# reviewed by two\n\n${digestLines(result)}`);
  return file;
}

test('a bundle as it was compiled has nothing new, and every page and function a digest', async () => {
  const { exit, diagnostics, result } = await reviewBundle(bundle, await known());
  expect([exit, diagnostics]).toEqual([0, []]);
  expect(result?.scripts).toBe(scripts.length);
  expect(result?.engines).toHaveLength(1);
  expect(result?.fresh).toEqual([]);
  const pages = result?.digests.filter(({ name }) => name.startsWith('page ')) ?? [];
  expect(pages.map(({ name }) => name.slice(5)).sort()).toEqual([...scripts].sort());
});

type Given = readonly [
  name: string,
  change: () => void,
  codes: readonly string[],
  fresh: readonly (string | RegExp)[],
];

test.each<Given>([
  [
    'one byte of a page',
    () => edit(bundle, script, oneByte('page')),
    ['REV002', 'REV004'],
    [/^page /u],
  ],
  [
    'one byte of the engine',
    () => edit(bundle, script, oneByte('engine')),
    ['REV002', 'REV004', 'REV005'],
    [/^(setting|function) /u],
  ],
  [
    'a function of one script',
    () => {
      const { opening, scripts: carriers } = sharedFunction(files);
      edit(bundle, carriers[0] ?? '', (text) =>
        text.replace(`\n${opening}\n`, `\n${opening}\n  :\n`),
      );
      sumAgain(bundle);
    },
    ['REV004', 'REV005'],
    [/^function /u],
  ],
  ['a missing script', () => rmSync(join(bundle, script)), ['REV002'], []],
  ['an extra file', () => writeFileSync(join(bundle, 'x\u001b'), ''), ['REV003'], []],
  [
    'a script without its parts',
    () => edit(bundle, script, (text) => text.replace('# --- engine', '# ---')),
    ['REV002', 'REV004'],
    [],
  ],
])('%s', async (_, change, codes, fresh) => {
  change();
  const { exit, diagnostics, result } = await reviewBundle(bundle, await known());
  expect(exit).toBe(1);
  expect([...new Set(diagnostics.map(({ code }) => code))].sort()).toEqual(codes);
  expect(result?.fresh?.map(({ name }) => name)).toEqual(
    fresh.map((name) => expect.stringMatching(name)),
  );
});

test('a function that is new names the scripts that carry it', async () => {
  const { name, opening, scripts: carriers } = sharedFunction(files, true);
  const changed = written(
    files.map((file) => ({
      ...file,
      text: file.text.replace(`\n${opening}\n`, `\n${opening}\n  :\n`),
    })),
  );
  const { result } = await reviewBundle(changed, await known());
  expect(result?.fresh).toEqual([
    expect.objectContaining({ name: `function ${name}`, scripts: [...carriers].sort() }),
  ]);
  if (result === null) return;
  const words = reviewWords(result, 'known.txt');
  expect(words).toContain(`function ${name}: `);
  expect(words).toContain(`in ${carriers.length} scripts: `);
  rmSync(changed, { recursive: true });
});

describe('could not', () => {
  test.each([
    ['nothing there', () => join(place, 'nowhere'), null, 'REV001'],
    ['no bundle', () => place, null, 'REV001'],
    ['known digests that are not there', () => bundle, 'nowhere.txt', 'BUN001'],
    ['known digests that are none', () => bundle, 'wrong.txt', 'REV006'],
  ])('%s', async (_, directory, file, code) => {
    writeFileSync(join(place, 'wrong.txt'), `${'a'.repeat(63)}  page x\n`);
    const outcome = await reviewBundle(directory(), file && join(place, file));
    expect(outcome).toMatchObject({ exit: 2, result: null, diagnostics: [{ code }] });
  });

  test('SHA256SUMS that is a link or leaves the bundle', async () => {
    rmSync(join(bundle, 'SHA256SUMS'));
    symlinkSync(join(pristine, 'SHA256SUMS'), join(bundle, 'SHA256SUMS'));
    expect((await reviewBundle(bundle, null)).diagnostics).toMatchObject([{ code: 'REV001' }]);
    rmSync(join(bundle, 'SHA256SUMS'));
    writeFileSync(join(bundle, 'SHA256SUMS'), `${'a'.repeat(64)}  ../x\n`);
    expect((await reviewBundle(bundle, null)).diagnostics).toMatchObject([{ code: 'REV001' }]);
  });
});

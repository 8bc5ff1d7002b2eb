import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { bundle } from '../../../compiler/bundle/bundle.ts';
import { planAll } from '../../../compiler/compile.ts';
import type { EmittedFile } from '../../../compiler/emit/script.ts';
import { loadTemplates } from '../../../compiler/emit/templates.ts';
import { parse } from '../../../compiler/inventory/parse.ts';
import { type Difference, diff } from '../../../compiler/review/diff.ts';
import { openSide, type Side } from '../../../compiler/review/sides.ts';
import { changedValues } from '../../../compiler/review/values.ts';
import { differenceWords } from '../../../compiler/review/words.ts';
import { inventoryText } from '../world.ts';
import { edit, filesOf, lost, scriptsOf, sharedFunction, written } from './delivered.ts';

const files = filesOf(lost);
const scripts = scriptsOf(files);
const made: string[] = [];
afterAll(() => {
  for (const directory of made) rmSync(directory, { recursive: true });
});

function place(some: readonly EmittedFile[]): string {
  const directory = written(some);
  made.push(directory);
  return directory;
}

const old = place(files);

async function sideOf(path: string): Promise<Side> {
  const side = await openSide(path);
  if (!('scripts' in side)) throw new Error(side.map(({ what }) => what).join('; '));
  return side;
}

async function compared(after: string, before = old): Promise<Difference> {
  return diff(await sideOf(before), await sideOf(after));
}

/** The bundle of the inventory with one text replaced. */
function changed(from: string, to: string): string {
  const text = inventoryText(lost).replace(from, to);
  const parsed = parse(text, 'changed.json');
  if (!parsed.ok) throw new Error(parsed.diagnostics.map(({ what }) => what).join('; '));
  return place([...bundle(planAll(parsed.inventory), text, loadTemplates())]);
}

test('the same bundle, and the same plan', async () => {
  expect((await compared(place(files))).same).toBe(true);
  expect((await compared(join(old, 'plan.json'), join(old, 'plan.json'))).same).toBe(true);
  expect((await compared(join(old, 'plan.json'))).same).toBe(true);
  expect(differenceWords(await compared(old))).toBe('No difference.\n');
});

test('an address in the inventory: what it is, and where it shows', async () => {
  const after = changed('10.0.1.2', '10.0.1.9');
  const difference = await compared(after);
  expect(difference).toMatchObject({
    same: false,
    ...{
      scripts: [],
      steps: [],
      guards: [],
      functions: [],
      commands: [],
      scriptValues: [],
      lines: [],
    },
  });
  const words = differenceWords(difference);
  expect(words).toMatch(
    /^ {2}s-2: address 10\.0\.1\.2 -> 10\.0\.1\.9; [0-9]+ scripts: values .*OTHERS.*, commands of .*check_removable/mu,
  );
  const holding = scripts.filter((path) =>
    files.find((file) => file.path === path)?.text.includes('10.0.1.2'),
  );
  expect(difference.values[0]?.scripts).toEqual([...holding].sort());
  const plans = await compared(join(after, 'plan.json'), join(old, 'plan.json'));
  expect(plans.values).toEqual(difference.values);
  expect(plans.files).toEqual([]);
});

test('a line of a template: the function and how many scripts carry it', async () => {
  const { name, opening, scripts: carriers } = sharedFunction(files, true);
  const after = place(
    files.map((file) => ({
      ...file,
      text: file.text.replace(`\n${opening}\n`, `\n${opening}\n  :\n`),
    })),
  );
  const difference = await compared(after);
  expect(difference).toMatchObject({ values: [], scripts: [], commands: [], lines: [] });
  expect(differenceWords(difference)).toContain(
    `Functions\n  function ${name} changed (in ${carriers.length} scripts)\n`,
  );
});

const first = scripts[0] ?? '';
const byHand = (path: string, change: (text: string) => string) => {
  const after = place(files);
  edit(after, path, change);
  return after;
};

test.each<readonly [string, () => string, string]>([
  [
    'a command',
    () => byHand(first, (text) => text.replace('# $ cp -aL', '# $ cp -rL')),
    `  commands of salvage_snapshot changed in 1 script: ${first}\n    - $ cp -aL`,
  ],
  [
    'a command more',
    () => byHand(first, (text) => text.replace(/\n( {2}# \$ sync)/u, '\n  # $ true\n$1')),
    '    + $ true\n',
  ],
  [
    'a guard less',
    () => byHand(first, (text) => text.replace('\n  quorum_is_lost\n', '\n')),
    `  guard quorum_is_lost removed in 1 script: ${first}\n`,
  ],
  [
    'a value',
    () => byHand(first, (text) => text.replace("PEER_PORT='2380'", "PEER_PORT='2381'")),
    `  PEER_PORT changed in 1 script: ${first}\n    - '2380'\n    + '2381'\n`,
  ],
  [
    'a comment',
    () => byHand(first, (text) => text.replace('# Each guard', '# Every guard')),
    `  frame changed in 1 script: ${first}\n`,
  ],
  [
    'a header',
    () => byHand(first, (text) => text.replace('as root', 'as you')),
    `  header changed in 1 script: ${first}\n`,
  ],
  [
    'the order of guards',
    () =>
      byHand(first, (text) =>
        text.replace(
          '  docker_is_local\n  data_directory\n',
          '  data_directory\n  docker_is_local\n',
        ),
      ),
    `  order of guards changed in 1 script: ${first}\n`,
  ],
  [
    'a step less',
    () =>
      byHand(first, (text) =>
        text.replace(/\n {2}# [^\n]*\n(?: {2}# [^\n]*\n)*? {2}begin '1\.1'.*\n(?:.+\n)*\n/u, '\n'),
      ),
    `removed in 1 script: ${first}\n`,
  ],
  [
    'another file',
    () => byHand('RUNBOOK.md', (text) => `${text}.`),
    'Other files\n  RUNBOOK.md changed\n',
  ],
  [
    'the runbook for paper',
    () => byHand('RUNBOOK.html', (text) => `${text}.`),
    'Other files\n  RUNBOOK.html changed\n',
  ],
  [
    'a script more',
    () => place(filesOf({ ...lost, servers: [...lost.servers, 'returning'] })),
    ' added (reattach s-4)\n',
  ],
  [
    'an option',
    () => place(filesOf({ ...lost, recovery: { tokenWindow: 20 } })),
    '  recovery tokenWindow 12 -> 20; 1 script: commands of token_window',
  ],
])('in words: %s', async (_, after, want) => {
  const difference = await compared(after());
  expect(difference.same).toBe(false);
  expect(differenceWords(difference)).toContain(want);
});

test.each<readonly [string, unknown, unknown, readonly string[]]>([
  ['nothing', { name: 'a' }, { name: 'a' }, []],
  [
    'a list',
    { cluster: { hosts: [{ id: 'h', addresses: ['a', 'b'] }] } },
    { cluster: { hosts: [{ id: 'h', addresses: ['a', 'c', 'd'] }] } },
    ['h: address b > c', 'h: address null > d'],
  ],
  [
    'the order of a list',
    { cluster: { hosts: [{ id: 'h', addresses: ['a', 'b'] }] } },
    { cluster: { hosts: [{ id: 'h', addresses: ['b', 'a'] }] } },
    ['h: address (order) a, b > b, a'],
  ],
  [
    'a host',
    { cluster: { hosts: [] } },
    { cluster: { hosts: [{ id: 'h', mode: 'server' }] } },
    ['h null > in the cluster', 'h: mode null > server'],
  ],
  [
    'a port',
    { cluster: { hosts: [{ id: 'h', ports: { api: 1 } }] } },
    { cluster: { hosts: [{ id: 'h', ports: { api: 2 } }] } },
    ['h: ports.api 1 > 2'],
  ],
  [
    'a choice',
    { recovery: { restart: 'none', owner: null } },
    { recovery: { restart: 'rolling', owner: null } },
    ['recovery restart none > rolling'],
  ],
  ['not a plan', null, 7, []],
])('values: %s', (_, before, after, want) => {
  const found = changedValues(before, after);
  expect(found.map((each) => `${each.name} ${each.before} > ${each.after}`)).toEqual(want);
});

test('before an incident: a change of a host is one change for all candidates', async () => {
  const world = { servers: ['-', '-'] } as const;
  const before = place(filesOf(world));
  const after = place(filesOf({ ...world, recovery: { restart: 'none' } }));
  const { values } = await compared(after, before);
  expect(values.filter(({ name }) => name === 'recovery restart')).toHaveLength(1);
});

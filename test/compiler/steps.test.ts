// One home for each step: its files have one name, none is a stub, and plans use every kind.

import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as z from 'zod';
import { executionOrder } from '../../compiler/plan/order.ts';
import { reasonOf, stepKinds, steps, titleOf } from '../../compiler/steps/all.ts';
import { filesOf, unwritten, writeStep } from '../tools/new-step.ts';
import { planOf, type World } from './world.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const kinds = [...stepKinds].sort();

/** Files of compiler/steps that are no step. */
const shared = ['all', 'define', 'facts', 'fields', 'lasting'];

function namesIn(folder: string, ending: string): readonly string[] {
  return readdirSync(join(root, folder))
    .filter((name) => name.endsWith(ending))
    .map((name) => name.slice(0, -ending.length))
    .sort();
}

test('a step has one name: in the registry, in compiler/steps and in templates/steps', () => {
  const defined = namesIn('compiler/steps', '.ts').filter((name) => !shared.includes(name));
  expect(defined).toEqual(kinds);
  expect(namesIn('templates/steps', '.sh')).toEqual(kinds);
});

test('no step is a stub', () => {
  const files = ['compiler/steps', 'templates/steps', 'test/scripts'].flatMap((folder) =>
    readdirSync(join(root, folder), { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(folder, entry.name)),
  );
  const found = files.filter((file) => readFileSync(join(root, file), 'utf8').includes(unwritten));
  expect(found).toEqual([]);
});

test.each(kinds)('%s: what keeps its data is a step', (kind) => {
  const { keptBy } = steps[kind];
  if (keptBy !== null) expect(kinds).toContain(keptBy);
});

const saved = { snapshot: { source: 'saved', path: '/b/s.db' } };
const swarm = { stackFile: '/root/s.yaml' };
const worlds: readonly World[] = [
  { servers: ['alive', 'returning', 'replaced', 'gone'], clients: ['alive', 'lost', 'replaced'] },
  { servers: ['replaced', 'returning'], clients: ['returning'], recovery: saved, swarm },
  { servers: ['alive', 'lost', 'lost'], recovery: { restart: 'all-at-once' } },
];

const used = worlds.flatMap((world) => {
  const plan = planOf(world);
  return [...executionOrder(plan), ...plan.asides].flatMap((turn) => [...turn.steps]);
});

test('every kind of step is in a plan', () => {
  expect([...new Set(used.map(({ kind }) => kind))].sort()).toEqual(kinds);
});

test.each(kinds)('%s: says what it is given, and the unit of every number', (kind) => {
  const { properties = {} } = z.toJSONSchema(steps[kind].params);
  for (const [key, field] of Object.entries(properties)) {
    // Of a field that may be null the arm that is not null says it.
    const said = JSON.stringify(field);
    expect(`${key} ${said}`).toMatch(/"description":"[A-Z`][^"]{8,}\."/u);
    if (said.includes('"type":"integer"')) expect(`${key} ${said}`).toContain('"x-unit":');
  }
});

test('a title is no sentence, and a reason is one', () => {
  for (const step of used) {
    expect(titleOf(step)).toMatch(/^[A-Z].*[^.]$/u);
    expect(reasonOf(step)).toMatch(/^([A-Z]|etcd ).*\.$/u);
  }
});

describe('npm run new-step', () => {
  const name = 'count-sheep';
  let folder = '';
  const read = (path: string) => readFileSync(join(folder, path), 'utf8');

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'new step '));
    cpSync(join(root, 'compiler/steps/all.ts'), join(folder, 'compiler/steps/all.ts'));
    writeStep(folder, name);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test('writes stubs that no test takes for done', () => {
    const { definition, bash, page, test: bats } = filesOf(name);
    for (const path of [definition, bash, page, bats]) expect(read(path)).toContain(unwritten);
    expect(read(bats).match(/^@test/gmu)?.length).toBe(read(bats).match(/^ {2}fail /gmu)?.length);
    expect(read(bash)).toContain('is not written yet');
  });

  test('adds two lines to the registry, each in its place, and changes no other', () => {
    const before = readFileSync(join(root, 'compiler/steps/all.ts'), 'utf8').split('\n');
    const after = read('compiler/steps/all.ts').split('\n');
    const added = after.filter((line) => line.includes(name));
    expect(added).toEqual([
      "import { countSheep } from './count-sheep.ts';",
      "  'count-sheep': countSheep,",
    ]);
    expect(after.filter((line) => !added.includes(line))).toEqual(before);
    const entries = after.filter((line) => /^ {2}'[a-z-]+': \w+,$/u.test(line));
    expect(entries).toEqual([...entries].sort());
  });

  test.each([
    ['sheep', 'verb-object'],
    ['../count-sheep', 'verb-object'],
    [name, 'already there'],
  ])('refuses %s', (given, words) => {
    expect(() => writeStep(folder, given)).toThrow(words);
  });
});

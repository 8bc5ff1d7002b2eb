import { readdirSync } from 'node:fs';
import Handlebars from 'handlebars';
import { describe, expect, test } from 'vitest';
import { stepKinds } from '../../../compiler/emit/calls.ts';
import { loadTemplates, render, sh } from '../../../compiler/emit/templates.ts';

const templates = loadTemplates();

test('every step kind has its template, and every template its kind', () => {
  expect(Object.keys(templates.steps).sort()).toEqual([...stepKinds].sort());
});

test.each([...stepKinds])('%s: one function of that name, the first of its file', (kind) => {
  const text = templates.steps[kind] ?? '';
  expect(text).toMatch(/^# /mu);
  const names = [...text.matchAll(/^([a-z_0-9]+)\(\) [{(]/gmu)].map(([, name]) => name);
  expect(names).toContain(kind.replaceAll('-', '_'));
  expect(text).toMatch(/guide [1-8]\.[1-4]|before an incident|undo/iu);
});

test('no function has two definitions among the steps and the library', () => {
  const all = [...Object.values(templates.steps), ...templates.parts, templates.library].join('\n');
  const names = [...all.matchAll(/^([a-z_0-9]+)\(\) [{(]/gmu)].map(([, name]) => name);
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
});

test('the library of every script calls nothing that only some scripts carry', () => {
  const code = templates.library.replace(/#.*$/gmu, '');
  const names = templates.parts
    .flatMap((part) => [...part.matchAll(/^([a-z_0-9]+)\(\) [{(]/gmu)])
    .map(([, name]) => name ?? '');
  const calls = names.filter((name) =>
    new RegExp(`(^|[;&|(]|\\$\\()\\s*(mutate )?${name}( |$|\\))(?!\\)?\\s*set --)`, 'mu').test(
      code,
    ),
  );
  expect(names.length).toBeGreaterThan(20);
  expect(calls.filter((name) => !new RegExp(`^\\s*${name}\\)`, 'mu').test(code))).toEqual([]);
});

describe('holes', () => {
  const folder = new URL('../../../templates/', import.meta.url);

  test('only the frame and the pages have any', () => {
    expect(readdirSync(folder).sort()).toEqual([
      'choice.md.hbs',
      'library',
      'runbook.md.hbs',
      'script.sh.hbs',
      'steps',
    ]);
  });

  test.each(['script', 'runbook', 'choice'] as const)('%s: no triple-stash, one helper', (name) => {
    const helpers: string[] = [];
    let triple = 0;
    const walk = (nodes: readonly hbs.AST.Statement[]) => {
      for (const node of nodes) {
        if (node.type === 'MustacheStatement') {
          const mustache = node as hbs.AST.MustacheStatement;
          if (!mustache.escaped) triple += 1;
          const path = mustache.path as hbs.AST.PathExpression;
          if (mustache.params.length > 0) helpers.push(path.original);
        }
        if (node.type === 'BlockStatement') {
          const block = node as hbs.AST.BlockStatement;
          helpers.push((block.path as hbs.AST.PathExpression).original);
          walk(block.program.body);
          walk(block.inverse?.body ?? []);
        }
      }
    };
    walk(Handlebars.parse(templates[name]).body);
    expect(triple).toBe(0);
    expect([...new Set(helpers)].filter((name) => !['each', 'if', 'sh'].includes(name))).toEqual(
      [],
    );
  });
});

test.each([
  ['{{nope}}'],
  ['{{sh nope}}'],
  ['{{#if nope}}x{{/if}}'],
  ['{{#each nope}}x{{/each}}'],
  ['{{#each list}}{{nope}}{{/each}}'],
  ['{{inner.nope}}'],
])('a field that is not there throws: %s', (template) => {
  expect(() => render(template, { list: [{}], inner: {} })).toThrow(/nope/u);
});

test('lists, parents and indexes may be read', () => {
  const text = render('{{#each list}}{{../name}}{{@index}}{{sh this}} {{/each}}', {
    name: 'n',
    list: ['a', "b'c"],
  });
  expect(text).toBe("n0'a' n1'b'\\''c' ");
});

test.each([
  ['', "''"],
  ['plain', "'plain'"],
  ["it's", "'it'\\''s'"],
  ['$(x) `y` "z"', '\'$(x) `y` "z"\''],
])('quoted for bash: %j', (given, want) => {
  expect(sh(given)).toBe(want);
});

test.each([[1], [null], [undefined], [['a']], ['nul\0']])('not quoted: %j', (given) => {
  expect(() => sh(given)).toThrow(TypeError);
});

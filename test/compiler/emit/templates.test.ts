import { readdirSync } from 'node:fs';
import Handlebars from 'handlebars';
import { describe, expect, test } from 'vitest';
import { allGuards } from '../../../compiler/emit/guards.ts';
import { loadTemplates, render, sh } from '../../../compiler/emit/templates.ts';
import { stepKinds, steps } from '../../../compiler/steps/all.ts';

const templates = loadTemplates();

/** The names of the files of a folder below `templates/`, without their ending. */
function filesOf(folder: string): readonly string[] {
  const files = templates.pieces.map(({ file }) => file).filter((file) => file.startsWith(folder));
  return [...new Set(files)].map((file) => file.slice(folder.length, -'.sh'.length));
}

/** The functions of a file below `templates/`. */
function functionsOf(file: string) {
  return templates.pieces.filter((piece) => piece.kind === 'function' && piece.file === file);
}

test.each([...stepKinds])('%s: one function of that name, the first of its file', (kind) => {
  const functions = functionsOf(`steps/${kind}.sh`);
  expect(functions[0]?.name).toBe(kind.replaceAll('-', '_'));
  expect(functions[0]?.text).toMatch(/guide [1-8]\.[1-4]|before an incident|undo/iu);
});

test('every step that changes something lists its commands, and only such a step does', () => {
  const changing = stepKinds.filter((kind) => steps[kind].effect === 'changes');
  const gated = stepKinds.filter((kind) =>
    functionsOf(`steps/${kind}.sh`).some(({ text }) => text.includes('mutate ')),
  );
  const listed = Object.keys(templates.pages);
  expect(listed.filter((name) => !(stepKinds as readonly string[]).includes(name))).toEqual([]);
  expect([...new Set([...changing, ...gated])].filter((kind) => !listed.includes(kind))).toEqual(
    [],
  );
});

test('every guard has its template, and every template its guard', () => {
  expect(filesOf('guards/').toSorted()).toEqual([...allGuards].sort());
});

test.each([...allGuards])('%s: a guard of that name, the first of its file', (guard) => {
  const [first] = functionsOf(`guards/${guard}.sh`);
  expect(first?.name).toBe(guard.replaceAll('-', '_'));
  expect(first?.text).toMatch(/^# /u);
});

test('nothing has two definitions among guards, steps, library and triage', () => {
  const names = [...templates.pieces, ...templates.triagePieces].flatMap((piece) => piece.names);
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
});

describe('holes', () => {
  const folder = new URL('../../../templates/', import.meta.url);

  test('only the frame and the pages have any', () => {
    expect(readdirSync(folder).sort()).toEqual([
      'choice.md.hbs',
      'environment.sh',
      'guards',
      'library',
      'main.sh',
      'pages',
      'recover.sh.hbs',
      'review.md.hbs',
      'review.sh',
      'runbook.css',
      'runbook.html.hbs',
      'runbook.md.hbs',
      'script.sh.hbs',
      'steps',
      'triage',
      'triage.sh.hbs',
    ]);
  });

  test.each([
    ['script', ['sh']],
    ['recover', ['sh']],
    ['triage', ['sh']],
    ['runbook', ['inline']],
    ['runbookHtml', ['inline', 'css']],
    ['choice', []],
    ['review', []],
  ] as const)('%s: no triple-stash, helpers %j', (name, known) => {
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
    expect(
      [...new Set(helpers)].filter(
        (name) => ![...known, 'each', 'if', 'unless', 'with'].includes(name),
      ),
    ).toEqual([]);
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

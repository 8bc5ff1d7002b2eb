import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { codes, explain, isCode } from '../../compiler/codes.ts';
import {
  type Diagnostic,
  diagnostic,
  formatDiagnostics,
  hasErrors,
  nearest,
  sortDiagnostics,
} from '../../compiler/diagnostic.ts';

const words = { what: 'what is wrong', why: 'A reason.', remedy: 'An act.' };

function at(line: number, column: number, code: keyof typeof codes = 'INV004'): Diagnostic {
  return diagnostic(code, { file: 'inventory.json', position: { line, column } }, words);
}

describe('formatDiagnostics', () => {
  test('without the text of the file: what, why, do, and an empty line', () => {
    expect(formatDiagnostics([at(12, 17)], { colour: false })).toBe(
      'inventory.json:12:17: error[INV004]: what is wrong\n  why: A reason.\n  do:  An act.\n\n',
    );
  });

  test('with it: the line, and a caret under the value', () => {
    const position = { line: 10, column: 3, end: { line: 10, column: 7 } };
    const given = diagnostic('INV004', { file: 'inventory.json', position }, words);
    const sources = new Map([['inventory.json', `${'\n'.repeat(9)}\t "é😀"\n`]]);
    expect(formatDiagnostics([given], { colour: false, sources }).split('\n').slice(0, 4)).toEqual([
      'inventory.json:10:3: error[INV004]: what is wrong',
      '  10 |    "é😀"',
      '     |    ^^^^',
      '  why: A reason.',
    ]);
  });

  test('the first line is one that problem matchers know', () => {
    const matcher = /^(.+):(\d+):(\d+): (warning|error)\[([A-Z0-9]+)\]: (.*)$/mu;
    const text = formatDiagnostics([at(12, 17, 'INV023')], { colour: false });
    expect(matcher.exec(text)?.slice(1)).toEqual([
      ...['inventory.json', '12', '17', 'warning', 'INV023', 'what is wrong'],
    ]);
  });

  test('without a place the file stands alone', () => {
    const given = diagnostic('INV023', { file: 'inventory.json', position: null }, words);
    expect(formatDiagnostics([given], { colour: false })).toMatch(
      /^inventory\.json: warning\[INV023\]: what/u,
    );
  });

  test('colour is only added if asked for, and adds nothing else', () => {
    const given = [at(1, 2), at(3, 4, 'INV023')];
    const sources = new Map([['inventory.json', '{a\n\n  {b\n']]);
    const plain = formatDiagnostics(given, { colour: false, sources });
    const coloured = formatDiagnostics(given, { colour: true, sources });
    expect(coloured).toContain('\u001b[31merror[INV004]\u001b[0m');
    expect(coloured).toContain('\u001b[33mwarning[INV023]\u001b[0m');
    expect(coloured).toContain('\u001b[31m^\u001b[0m');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colour is made of them
    expect(coloured.replace(/\u001b\[[0-9]+m/gu, '')).toBe(plain);
  });

  test('a terminal never gets to obey what a person wrote', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (what) => {
        const given = { ...at(1, 1), what };
        const sources = new Map([['inventory.json', what]]);
        const text = formatDiagnostics([given], { colour: false, sources });
        expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
        expect(text.split('\n')).toHaveLength(7);
      }),
    );
  });
});

test('a finding has its end, or else no position at all', () => {
  const given = [at(1, 2), diagnostic('INV042', { file: 'x', position: null }, words)];
  expect(given[0]).toMatchObject({ line: 1, column: 2, endLine: 1, endColumn: 2 });
  expect(given[1]).toMatchObject({ line: null, column: null, endLine: null, severity: 'error' });
});

test('findings are sorted by place, and said once', () => {
  const given = [at(10, 1), at(2, 9), at(2, 10), at(2, 9, 'INV003'), at(10, 1)];
  const want = [at(2, 9, 'INV003'), at(2, 9), at(2, 10), at(10, 1)];
  expect(sortDiagnostics(given)).toEqual(want);
});

test('warnings alone are no reason to refuse', () => {
  expect(hasErrors([])).toBe(false);
  expect(hasErrors([at(1, 1, 'INV023')])).toBe(false);
  expect(hasErrors([at(1, 1, 'INV023'), at(1, 1)])).toBe(true);
});

describe('nearest', () => {
  const known = ['addresses', 'mode', 'dataDirectory', 'host-1', 'host-2'];
  test.each([
    ['adresses', 'addresses'],
    ['Addresses', 'addresses'],
    ['mdoe', 'mode'],
    ['datadirectroy', 'dataDirectory'],
    ['hots-2', 'host-2'],
    ['port', null],
    ['', null],
    ['a'.repeat(100), null],
  ])('%s -> %s', (word, want) => {
    expect(nearest(word, known)).toBe(want);
  });

  test('finds every known word behind one slip', () => {
    const slip = fc.record({ word: fc.constantFrom(...known), place: fc.nat(12) });
    fc.assert(
      fc.property(slip, ({ word, place }) => {
        const i = place % word.length;
        expect(nearest(word.slice(0, i) + word.slice(i + 1), [word])).toBe(word);
      }),
    );
  });
});

describe('the catalogue', () => {
  test.each(Object.keys(codes))('%s has a page of its own', (code) => {
    const page = explain(code);
    expect(page).toMatch(new RegExp(`^${code} \\((error|warning|note)\\): \\S`, 'u'));
    expect(page).toMatch(/[.?)]\n$/u);
    for (const line of (page ?? '').split('\n').slice(1)) expect(line.length).toBeLessThan(81);
  });

  test('codes are well formed and their titles differ', () => {
    for (const code of Object.keys(codes))
      expect(code).toMatch(/^(BUN|CHK|EVD|INIT|INV|PLAN|RCD|REV|RUN|TOOL)0[0-9]{2}$/u);
    const titles = Object.values(codes).map(({ title }) => title);
    expect(new Set(titles).size).toBe(titles.length);
  });

  test('small letters will do, and what is no code has no page', () => {
    expect(explain('inv034')).toBe(explain('INV034'));
    expect(explain('INV999')).toBeNull();
    expect(explain('toString')).toBeNull();
    expect(isCode('constructor')).toBe(false);
  });
});

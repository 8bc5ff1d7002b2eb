import { describe, expect, test } from 'vitest';
import { characterWords, plainForm, surprise, visible } from '../../compiler/characters.ts';
import { parse } from '../../compiler/inventory/parse.ts';

test.each<readonly [string, string, string | null]>([
  ['\u00a0', 'a non-breaking space (U+00A0)', ' '],
  ['\u2003', 'a space that is not the one on the keyboard (U+2003)', ' '],
  ['\u201c', 'a typographic quote “ (U+201C)', '"'],
  ['\u2013', 'an en dash – (U+2013)', '-'],
  ['\uff1a', 'a character that is not ASCII ： (U+FF1A)', ':'],
  ['\u0430', 'a character that is not ASCII а (U+0430)', null],
  ['\ufeff', 'a byte order mark (U+FEFF)', null],
  ['\u202e', 'a text direction mark (U+202E)', null],
  ['\u3164', 'an invisible character (U+3164)', null],
  ['\u0007', 'a control character (U+0007)', null],
  ['\t', 'a tab (U+0009)', null],
])('%j has a name', (character, words, plain) => {
  expect(characterWords(character)).toBe(words);
  expect(plainForm(character)).toBe(plain);
  expect(surprise(`a b${character}`)).toBe(character);
});

test('nothing invisible is printed, and nothing else is changed', () => {
  expect(visible('a\u00a0b\u200bc\u202ed\u3164\u001b[31m')).toBe(
    'a\\u{a0}b\\u{200b}c\\u{202e}d\\u{3164}\\u{1b}[31m',
  );
  const seen = 'plain, “quoted” – naïve 機械 😀';
  expect(visible(seen)).toBe(seen);
});

describe('in an inventory', () => {
  const base =
    '{"cluster": "acme", "hosts": [{"id": "h", "addresses": ["10.0.0.1"], "mode": "server"}]}';
  const found = (text: string) => {
    const { diagnostics } = parse(text, 'f');
    return diagnostics.map(
      (each) =>
        `${each.column}-${each.endColumn} ${each.code}: ${each.what} | ${each.why} | ${each.remedy}`,
    );
  };
  test.each<readonly [string, string, string, RegExp]>([
    [
      'a byte order mark',
      '{"cluster',
      '\ufeff{"cluster',
      /^1-2 INV001: not JSON: a byte order mark \(U\+FEFF\) at its start .*without it\.$/u,
    ],
    [
      'smart quotes',
      '"acme"',
      '“acme”',
      /^13-14 INV001: not JSON: a typographic quote “ \(U\+201C\) outside of a string .*straight double quote/u,
    ],
    [
      'a non-breaking space between values',
      ': "acme"',
      ':\u00a0"acme"',
      /^12-13 INV001: .*non-breaking space \(U\+00A0\) outside of a string .*ordinary space/u,
    ],
    [
      'a full-width comma',
      '"acme",',
      '"acme"，',
      /^19-20 INV001: .*， \(U\+FF0C\) outside of a string .*Write , instead/u,
    ],
    [
      'a tab in a string',
      '"acme"',
      '"ac\tme"',
      /^16-17 INV001: not JSON: a tab \(U\+0009\) in a string .*\\t/u,
    ],
    [
      'a non-breaking space in an address',
      '10.0.0.1',
      '10.0.0.1\u00a0',
      /INV009: .*It contains a non-breaking space \(U\+00A0\)\./u,
    ],
    ['a dash in an id', '"h"', '"host–1"', /INV008: .*It contains an en dash – \(U\+2013\)\./u],
    [
      'a letter of another alphabet in a key',
      '"mode"',
      '"m\u043ede"',
      /INV004: .*It contains a character that is not ASCII о \(U\+043E\)\. \| Did you mean "mode"\?/u,
    ],
    [
      'a zero-width space in a word',
      '"server"',
      '"server\u200b"',
      /INV007: .*It contains a zero-width space \(U\+200B\)\./u,
    ],
  ])('%s is named', (_, old, now, want) => {
    expect(base).toContain(old);
    expect(found(base.replace(old, now)).some((each) => want.test(each))).toBe(true);
  });
});

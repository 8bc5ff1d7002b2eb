import fc from 'fast-check';
import stringWidth from 'string-width';
import { describe, expect, test } from 'vitest';
import { excerpt } from '../../compiler/excerpt.ts';

/** The excerpt of a text in which the marked part stands between brackets that are not part of it. */
function marked(text: string): readonly string[] | null {
  const before = text.slice(0, text.indexOf('⟦'));
  const lines = before.split(/\r\n|\r|\n/u);
  const column = (lines.at(-1) ?? '').length + 1;
  const end = column + text.indexOf('⟧') - before.length - 1;
  return excerpt(text.replace('⟦', '').replace('⟧', ''), { line: lines.length, column, end });
}

describe('a caret under the value', () => {
  test.each<[string, string, readonly string[]]>([
    ['plain', '{\n  "a": ⟦"b"⟧\n}', ['  "a": "b"', '       ^^^']],
    ['line ends of Windows', '{\r\n  ⟦7⟧\r\n}', ['  7', '  ^']],
    ['a tab', '\t⟦x⟧', ['  x', '  ^']],
    ['wide characters', '"機械": ⟦"機"⟧', ['"機械": "機"', '        ^^^^']],
    ['a combining accent', '"e\u0301": ⟦1⟧', ['"e\u0301": 1', '     ^']],
    ['nothing at the end of the line', '{"a":⟦⟧', ['{"a":', '     ^']],
    ['a non-breaking space', '⟦"a\u00a0"⟧', ['"a\\u{a0}"', '^^^^^^^^^']],
  ])('%s', (_, text, want) => {
    expect(marked(text)).toEqual(want);
  });

  test('a long line is cut around it', () => {
    const [line = '', carets = ''] = marked(`${'x'.repeat(5000)}⟦here⟧${'y'.repeat(5000)}`) ?? [];
    expect(line).toMatch(/^…x+herey+…$/u);
    expect(line.indexOf('here')).toBe(carets.indexOf('^'));
    expect(carets.trim()).toBe('^^^^');
    expect(line.length).toBeLessThan(100);
  });

  test('a long value is marked as far as it is shown', () => {
    const [line = '', carets = ''] = marked(`{"a": ⟦"${'v'.repeat(500)}"⟧}`) ?? [];
    expect(carets.length).toBeLessThanOrEqual(line.length);
    expect(carets).toMatch(/^ {6}\^+$/u);
  });

  test('a position outside of the text has none', () => {
    expect(excerpt('a\nb', { line: 3, column: 1, end: 2 })).toBeNull();
    expect(excerpt('a\nb', { line: 2, column: 9, end: 10 })).toBeNull();
  });

  test('any text: two lines that fit, with the carets below what is marked', () => {
    const part = fc
      .string({ unit: 'binary', maxLength: 300 })
      .map((text) => text.replace(/[\n\r]/gu, ''));
    fc.assert(
      fc.property(part, part, part, (before, value, after) => {
        const column = before.length + 1;
        const shown = excerpt(before + value + after, {
          line: 1,
          column,
          end: column + value.length,
        });
        const [line = '', carets = ''] = shown ?? [];
        expect(carets).toMatch(/^ *\^+$/u);
        expect(line + carets).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}]/u);
        // One more where the value is empty, at the end of the line.
        expect(carets.length).toBeLessThanOrEqual(stringWidth(line) + 96);
      }),
    );
  });
});

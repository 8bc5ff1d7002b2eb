// A line of a text with a caret under a part of it, as it is shown below a diagnostic.

import stringWidth from 'string-width';
import { visible } from './characters.ts';

/** How much of a line is shown, in UTF-16 units. A longer line is cut around the marked part. */
const room = 96;
const before = 36;

/** The marked part: columns count from 1 in UTF-16 units; `end` is the column after it. */
interface Marked {
  readonly line: number;
  readonly column: number;
  readonly end: number;
}

/** Two lines: the line of the text, and carets under the marked part of it. Null if there is none. */
export function excerpt(
  text: string,
  { line, column, end }: Marked,
): readonly [string, string] | null {
  const content = lineOf(text, line);
  if (content === null || column > content.length + 1) return null;
  const from = window(content, column - 1);
  const to = align(content, Math.min(content.length, from + room));
  const [start, stop] = [column - 1, Math.min(to, Math.max(end - 1, column))];
  const shown = content.slice(from, to).trimEnd();
  const lead = from > 0 ? '…' : '';
  const indent = stringWidth(lead + form(content.slice(from, start)));
  const width = stringWidth(form(content.slice(start, stop)));
  return [
    `${lead}${form(shown)}${to < content.length ? '…' : ''}`,
    `${' '.repeat(indent)}${'^'.repeat(Math.max(1, width))}`,
  ];
}

/** Where the shown part of a line begins. */
function window(content: string, start: number): number {
  if (content.length <= room) return 0;
  return align(content, Math.max(0, Math.min(start - before, content.length - room)));
}

/** An offset that does not cut a character in two. */
function align(content: string, offset: number): number {
  const unit = content.charCodeAt(offset);
  return offset > 0 && unit >= 0xdc00 && unit < 0xe000 ? offset - 1 : offset;
}

/** A tab has the width of two spaces; characters without a glyph are written as escapes. */
function form(text: string): string {
  return visible(text.replaceAll('\t', '  '));
}

/** A line without its end, without a search of the rest of the text. */
function lineOf(text: string, line: number): string | null {
  const ends = /\r\n|\r|\n/gu;
  for (let number = 1; number < line; number += 1) if (ends.exec(text) === null) return null;
  const start = ends.lastIndex;
  const end = ends.exec(text)?.index ?? text.length;
  return text.slice(start, end);
}

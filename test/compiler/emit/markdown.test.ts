// Templates in Markdown become templates in HTML; holes and blocks of Handlebars stay as they are.

import { expect, test } from 'vitest';
import { sectionsAround } from '../../../compiler/emit/markdown.ts';

/** The HTML of a section without its frame and its heading. */
function htmlOf(markdown: string): string {
  const { before } = sectionsAround('Own', `intro\n\n## A title\n\n${markdown}\n\n## Own\n`);
  return (before[0]?.html ?? '').split('</h2>\n')[1]?.replace('</section>\n', '') ?? '';
}

test.each<readonly [string, string, string]>([
  ['a paragraph of two lines', 'one\ntwo', '<p>one\ntwo</p>\n'],
  ['two paragraphs', 'one\n\ntwo', '<p>one</p>\n<p>two</p>\n'],
  ['special characters', 'a < b & c > d', '<p>a &lt; b &amp; c &gt; d</p>\n'],
  ['a literal', 'type `a<b` now', '<p>type <code>a&lt;b</code> now</p>\n'],
  ['an option', 'add `--apply`', '<p>add <code class="keep">--apply</code></p>\n'],
  ['strong text over two lines', '**a\nb**', '<p><strong>a\nb</strong></p>\n'],
  [
    'holes',
    '{{a}} `{{b}}/c` **{{d}}**',
    '<p>{{a}} <code>{{b}}/c</code> <strong>{{d}}</strong></p>\n',
  ],
  ['a hole with a helper', '{{inline a.b}}', '<p>{{inline a.b}}</p>\n'],
  ['braces', '`{x}`', '<p><code>{x}</code></p>\n'],
  ['a title of the document', 'see "A title"', '<p>see <a href="#a-title">A title</a></p>\n'],
  ['other words in quotes', 'the "when" of `x`', '<p>the "when" of <code>x</code></p>\n'],
  ['a list', '- one\n  more\n- two', '<ul>\n<li>one\nmore</li>\n<li>two</li>\n</ul>\n'],
  [
    'a box',
    '- [ ] do it',
    '<ul class="boxes">\n<li><label><input type="checkbox"> <span>do it</span></label></li>\n</ul>\n',
  ],
  ['a quote', '> a\n> b', '<blockquote><p>a\nb</p></blockquote>\n'],
  ['a code block', '```\na < b\n\n  {{c}}\n```', '<pre><code>a &lt; b\n\n  {{c}}</code></pre>\n'],
  [
    'a table with rows of a block',
    '| a | b |\n|---|---|\n| 1 | `2` |\n{{#each rows}}\n| {{x}} | {{y}} |\n{{/each}}',
    '<table class="a-title-1" aria-labelledby="a-title">\n' +
      '<thead><tr><th scope="col">a</th><th scope="col">b</th></tr></thead>\n<tbody>\n' +
      '<tr><th scope="row">1</th><td><code>2</code></td></tr>\n' +
      '{{#each rows}}\n<tr><th scope="row">{{x}}</th><td>{{y}}</td></tr>\n{{/each}}\n' +
      '</tbody>\n</table>\n',
  ],
  [
    'a list of a block alone',
    'text:\n\n{{#each rows}}\n- {{this}}\n{{/each}}\n\nmore',
    '<p>text:</p>\n<ul>\n{{#each rows}}\n<li>{{this}}</li>\n{{/each}}\n</ul>\n<p>more</p>\n',
  ],
  [
    'items after others, some under a condition',
    '- one\n{{#if x}}\n- two\n{{else}}\n- three\n{{/if}}\n- four',
    '<ul>\n<li>one</li>\n{{#if x}}\n<li>two</li>\n{{else}}\n<li>three</li>\n{{/if}}\n<li>four</li>\n</ul>\n',
  ],
  [
    'paragraphs under a condition',
    '{{#if x}}\n\none\n{{else}}\n\n- two\n{{/if}}\n\nthree',
    '{{#if x}}\n<p>one</p>\n{{else}}\n<ul>\n<li>two</li>\n</ul>\n{{/if}}\n<p>three</p>\n',
  ],
  [
    'quotes of a block',
    'text\n{{#each costs}}\n\n> **{{title}}** {{text}}\n{{/each}}',
    '<p>text</p>\n{{#each costs}}\n' +
      '<blockquote><p><strong>{{title}}</strong> {{text}}</p></blockquote>\n{{/each}}\n',
  ],
])('%s', (_, markdown, want) => {
  expect(htmlOf(markdown)).toBe(want);
});

test('sections have a name each, and the one that is written in HTML is not read', () => {
  const markdown = '# D\n\n## One: two, three?\n\na\n\n## Own\n\n### deep\n\n## If 2\n';
  const { before, after } = sectionsAround('Own', markdown);
  const names = (sections: typeof before) => sections.map(({ id, title }) => [id, title]);
  expect(names(before)).toEqual([['one-two-three', 'One: two, three?']]);
  expect(names(after)).toEqual([['if-2', 'If 2']]);
  expect(before[0]?.html).toBe(
    '<section aria-labelledby="one-two-three">\n' +
      '<h2 id="one-two-three">One: two, three?</h2>\n<p>a</p>\n</section>\n',
  );
  expect(() => sectionsAround('Other', markdown)).toThrow('Other');
});

test('tables report their columns', () => {
  const { after } = sectionsAround(
    'Own',
    '## Own\n\n## T\n\n| a | b c |\n|---|---|\n| 1 | 2 |\n\n| d |\n|---|\n| 3 |\n',
  );
  expect(after[0]?.tables).toEqual([
    { name: 't-1', columns: ['a', 'b c'] },
    { name: 't-2', columns: ['d'] },
  ]);
});

test.each(['### deeper', '  indented', '|no row', '|---|---|', '```\nwithout an end'])(
  'refused: %j',
  (markdown) => {
    expect(() => htmlOf(markdown)).toThrow();
  },
);

// Plain English in everything that people read: these words are hard to read at 3 a.m., and harder in
// a second language.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Words that are not used, each with what to write instead. */
const words: readonly (readonly [RegExp, string])[] = [
  [/anew/u, 'again, new'],
  [/mend(?:s|ed|ing)?/u, 'fix'],
  [/told|tells/u, 'report, say, show'],
  [/for ever/u, 'give the limit, or say that it never ends'],
  [/in vain/u, 'say what was waited for'],
  [/beside/u, 'next to'],
  [/lacks/u, 'is missing'],
  // A whole number and whole seconds are terms; "as a whole" is no claim of completeness.
  [/(?<!as a )whole(?! (?:numbers?|seconds?)\b)/u, 'complete, entire, all'],
  [/its words/u, 'output'],
  [/how-manieth/u, 'number'],
  [/the way of the guide/u, "the guide's procedure"],
  [/let(?:s|ting)? go/u, 'release, remove'],
  [/by itself/u, 'automatically; alone'],
  [/somebody/u, 'say who, or use the passive'],
  [/whoever/u, 'say who'],
];

/** A space of a phrase: also where a line of prose or of a comment ends. */
const space = '(?:[ \\t]+|[ \\t]*\\n[ \\t]*(?:(?://|#|\\*|>)[ \\t]*)?)';

const patterns = words.map(
  ([word, instead]) =>
    [new RegExp(`\\b(?:${word.source.replaceAll(' ', space)})\\b`, 'giu'), instead] as const,
);

/** The findings in a text, as `file:line:word`. */
function findings(file: string, text: string): readonly string[] {
  return patterns.flatMap(([pattern, instead]) =>
    [...text.matchAll(pattern)].map(({ index, 0: found }) => {
      const line = text.slice(0, index).split('\n').length;
      return `${file}:${line}:${found.replace(/\s+/gu, ' ')} (better: ${instead})`;
    }),
  );
}

/** Comments and test names; every other line is blank, so that line numbers stay. */
function commentsOf(text: string, comment: RegExp): string {
  return text
    .split('\n')
    .map((line) => comment.exec(line)?.[0] ?? '')
    .join('\n');
}

/** What a person reads of a file; null if it is not for people. */
function readBy(path: string, text: string): string | null {
  // The word list itself.
  if (path === 'test/language.test.ts') return null;
  if (path.endsWith('.md') || /^(compiler|templates)\//u.test(path)) return text;
  if (/^generated\/.*\.(?:sh|page|html)$/u.test(path)) return text;
  if (path === 'generated/inventory.schema.json') return text;
  if (path.startsWith('test/fixtures/invalid/') && path.endsWith('.txt')) return text;
  // Names of things and messages of the lab are read as well.
  if (/^test\/.*\.ts$/u.test(path)) return text;
  // Literals in these hold what other programs say.
  if (/^test\/(.*\.(bats|bash|sh)|[^.]*)$|^\.ci\//u.test(path)) {
    return commentsOf(text, /^@test .*|(?:^|\s)#.*/u);
  }
  if (/^test\/.*\.go$/u.test(path)) return commentsOf(text, /(?:^|\s)\/\/.*/u);
  return null;
}

const listed = spawnSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
  maxBuffer: 1 << 26,
}).stdout.split('\0');
const files = [...new Set(listed)].filter((path) => path !== '' && existsSync(join(root, path)));

function found(wanted: (path: string) => boolean): readonly string[] {
  return files.filter(wanted).flatMap((path) => {
    const text = readBy(path, readFileSync(join(root, path), 'utf8'));
    return text === null ? [] : findings(path, text);
  });
}

test('what people read is plain English', () => {
  expect(found(() => true).join('\n')).toBe('');
});

test('every kind of text is looked at', () => {
  const read = new Set(files.filter((path) => readBy(path, '') !== null));
  for (const path of [
    'README.md',
    'compiler/codes.ts',
    'templates/runbook.md.hbs',
    'generated/three-servers-two-lost/RUNBOOK.md',
    'generated/three-servers-two-lost/RUNBOOK.html',
    'generated/three-servers-two-lost/01-prepare-on-host-1.sh',
    'test/lab/lab.ts',
    'test/scripts/guards.bats',
    'test/scripts/world.bash',
    'test/scripts/world/fake',
    '.ci/run',
    '.github/CONTRIBUTING.md',
  ]) {
    expect(read).toContain(path);
  }
});

test.each([
  ['# waited 3 s\n# in\n# vain', 'f:2:in # vain'],
  [' * Deadlocks for\n * ever.', 'f:1:for * ever'],
  ['Mend it', 'f:1:Mend'],
  ['renamed only when whole', 'f:1:whole'],
  ['a file next to it\nbeside it', 'f:2:beside'],
  ['run only if told', 'f:1:told'],
])('found: %j', (text, place) => {
  expect(findings('f', text).map((line) => line.replace(/ \(better.*/u, ''))).toEqual([place]);
});

test.each([
  'a whole number of whole seconds, taken as a whole',
  'besides, amend it and let it go on',
])('not found: %j', (text) => {
  expect(findings('f', text)).toEqual([]);
});

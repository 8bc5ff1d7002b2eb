// review.sh on a bundle, and on bundles with one thing changed.

import { spawnSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { sha256 } from '../../../compiler/sha256.ts';

import {
  edit,
  filesOf,
  lost,
  oneByte,
  scriptsOf,
  sharedFunction,
  sumAgain,
  written,
} from './delivered.ts';

const files = filesOf(lost);
const scripts = scriptsOf(files);
const script = scripts[1] ?? '';
const pristine = written(files);
const scratch = mkdtempSync(join(tmpdir(), 'plan review tmp '));
let bundle = '';

beforeEach(() => {
  if (bundle !== '') rmSync(bundle, { recursive: true });
  bundle = mkdtempSync(join(tmpdir(), '-plan re$view '));
  cpSync(pristine, bundle, { recursive: true });
});
afterAll(() => {
  for (const place of [bundle, pristine, scratch]) rmSync(place, { recursive: true });
});

function review(cwd = bundle, ...args: readonly string[]) {
  const ran = spawnSync('bash', ['review.sh', ...args], {
    cwd,
    encoding: 'utf8',
    env: { PATH: process.env.PATH ?? '', TMPDIR: scratch },
  });
  expect(readdirSync(scratch)).toEqual([]);
  return ran;
}

/** What it reports: `PLACE` of each difference. */
function differences(): readonly string[] {
  const ran = review();
  const places = [...ran.stdout.matchAll(/^DIFFERS: (.+)$/gmu)].map(([, place = '']) => place);
  expect(ran.stderr).toBe('');
  expect(ran.status).toBe(places.length > 0 ? 1 : 0);
  for (const line of ['expected:', 'found:   ', 'do:      ']) {
    expect(ran.stdout.split(`\n  ${line} `)).toHaveLength(places.length + 1);
  }
  return places;
}

test('a bundle as it was compiled', () => {
  const before = readdirSync(bundle, { recursive: true }).sort();
  const ran = review();
  expect(ran.stderr).toBe('');
  expect(ran.status).toBe(0);
  expect(ran.stdout).toMatch(/^engine +sha256:[0-9a-f]{12} {2}same in all 17 scripts$/mu);
  expect(ran.stdout).toMatch(/^functions +[0-9]+ variants:$/mu);
  expect(ran.stdout).toMatch(/^page +17, one for each script$/mu);
  const sums = sha256(readFileSync(join(bundle, 'SHA256SUMS')));
  expect(ran.stdout).toContain(`SHA256SUMS  sha256:${sums}`);
  expect(ran.stdout.trimEnd().endsWith('All as stated.')).toBe(true);
  expect(readdirSync(bundle, { recursive: true }).sort()).toEqual(before);
});

test('from another directory, and by another name of the directory', () => {
  const ran = spawnSync('bash', [join(bundle, 'review.sh')], { cwd: '/', encoding: 'utf8' });
  expect([ran.status, ran.stderr]).toEqual([0, '']);
});

test.each(['page', 'functions', 'engine'] as const)('one byte of %s', (part) => {
  edit(bundle, script, oneByte(part));
  expect(differences()).toEqual(
    expect.arrayContaining([`${script}, the file`, `${script}, ${part}`]),
  );
  sumAgain(bundle);
  expect(differences()[0]).toBe(`${script}, ${part}`);
});

test('a function changed in one script, with its digests and sums written again', () => {
  const { name, opening, scripts: carriers } = sharedFunction(files);
  const [path = ''] = carriers;
  edit(bundle, path, (text) => {
    const changed = text.replace(`\n${opening}\n`, `\n${opening}\n  :\n`);
    const [, functions = ''] = /\n(# --- functions(?:.*\n)*?)# --- engine/u.exec(changed) ?? [];
    return changed.replace(/(functions) sha256:[0-9a-f]{64}/u, `$1 sha256:${sha256(functions)}`);
  });
  sumAgain(bundle);
  expect(differences()).toEqual([`${path}, function ${name}`]);
});

test('a command in the header', () => {
  edit(bundle, script, (text) => text.replace('\n#\n', '\n#\ntrue\n'));
  sumAgain(bundle);
  expect(differences()).toEqual([`${script}, header`]);
});

test('a NUL, which bash does not see', () => {
  edit(bundle, script, (text) => text.replace('\n# --- engine', '\0\n# --- engine'));
  sumAgain(bundle);
  expect(differences()).toContain(`${script}, its form`);
});

test('a script without its end', () => {
  edit(bundle, script, (text) => text.slice(0, text.indexOf('\n# --- engine') + 1));
  sumAgain(bundle);
  expect(differences()).toEqual([`${script}, its form`]);
});

test('a missing script', () => {
  rmSync(join(bundle, script));
  expect(differences()).toEqual([`${script}, the file`]);
});

test('an extra script', () => {
  cpSync(join(bundle, script), join(bundle, 'extra.sh'));
  expect(differences()).toEqual(['extra.sh, the file']);
});

test('names with odd characters are reported, and none reaches the terminal as it is', () => {
  for (const name of [
    '-rf',
    'a b',
    '*',
    '@',
    'x]y',
    'back\\slash',
    'new\nline',
    '\u001b[31m',
    '.hidden',
  ]) {
    writeFileSync(join(bundle, name), '');
  }
  renameSync(join(bundle, script), join(bundle, "it's.sh"));
  const found = differences();
  expect(found).toHaveLength(11);
  expect(found).toContain("$'new\\nline', the file");
  expect(found).toContain("$'\\E[31m', the file");
});

test('a link is no file of a bundle', () => {
  renameSync(join(bundle, script), join(scratch, 'moved'));
  symlinkSync(join(scratch, 'moved'), join(bundle, script));
  const ran = spawnSync('bash', ['review.sh'], { cwd: bundle, encoding: 'utf8' });
  rmSync(join(scratch, 'moved'));
  expect(ran.status).toBe(1);
  expect(ran.stdout).toContain('found:    a link');
});

test.each([
  ['a path that leaves the bundle', `${'0'.repeat(64)}  ../a\n`],
  ['an absolute path', `${'0'.repeat(64)}  /etc/passwd\n`],
  ['an escaped name', `\\${'0'.repeat(64)}  a\\nb\n`],
  ['no digest', 'README\n'],
])('SHA256SUMS with %s', (_, line) => {
  edit(bundle, 'SHA256SUMS', (text) => `${text}${line}`);
  expect(differences()[0]).toMatch(/^SHA256SUMS, line [0-9]+$/u);
});

test('could not run: no SHA256SUMS, or an unknown argument', () => {
  expect(review(bundle, '--fix').status).toBe(2);
  expect(review(bundle, '--help').status).toBe(0);
  rmSync(join(bundle, 'SHA256SUMS'));
  const ran = review();
  expect(ran.status).toBe(2);
  expect(ran.stderr).toContain('do: ');
});

test('temporary files are never in the bundle', () => {
  mkdirSync(join(bundle, 'tmp'));
  const ran = spawnSync('bash', ['review.sh'], {
    cwd: bundle,
    encoding: 'utf8',
    env: { PATH: process.env.PATH ?? '', TMPDIR: join(bundle, 'tmp') },
  });
  expect(ran.status).toBe(0);
  expect(statSync(join(bundle, 'tmp')).mtimeMs).toBe(statSync(join(bundle, 'tmp')).birthtimeMs);
});

test('before an incident: the bundle of all candidates, and each alone', () => {
  const all = written(filesOf({ servers: ['-', '-'] }));
  expect(review(all).stdout).toContain('All as stated.');
  for (const folder of ['s-1', 's-2']) {
    expect(review(join(all, folder)).stdout).toContain('All as stated.');
  }
  rmSync(all, { recursive: true });
});

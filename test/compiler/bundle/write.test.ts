import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { sha256 } from '../../../compiler/bundle/bundle.ts';
import { compare, discard, obstacles, publish, stage } from '../../../compiler/bundle/write.ts';
import type { EmittedFile } from '../../../compiler/emit/script.ts';

let place = '';
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'plan write '));
});
afterEach(() => rmSync(place, { recursive: true }));

function files(texts: Readonly<Record<string, string>>): readonly EmittedFile[] {
  const sums = Object.entries(texts).map(([path, text]) => `${sha256(text)}  ${path}\n`);
  const all = { ...texts, SHA256SUMS: sums.sort().join('') };
  return Object.entries(all).map(([path, text]) => ({
    path,
    mode: path.endsWith('.sh') ? 0o755 : 0o644,
    text,
  }));
}

const one = files({ 'plan.json': '{}\n', '1-a/h.sh': 'true\n' });
const two = files({ 'plan.json': '{ }\n', '2-b/h.sh': 'false\n' });

function write(target: string, some: readonly EmittedFile[]): string {
  expect(obstacles(target)).toEqual([]);
  return publish(stage(target, some));
}

function listing(root: string): readonly string[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' }).sort();
}

test('written where nothing is, with modes that no umask changes', () => {
  const umask = process.umask(0o077);
  try {
    expect(write(join(place, 'deep/er'), one)).toBe('written');
  } finally {
    process.umask(umask);
  }
  const mode = (path: string) => statSync(join(place, 'deep/er', path)).mode & 0o777;
  expect([mode('.'), mode('1-a'), mode('1-a/h.sh'), mode('plan.json')]).toEqual([
    0o755, 0o755, 0o755, 0o644,
  ]);
});

test('an empty directory is taken, the same bundle left alone, another one replaced', () => {
  const target = join(place, 'out');
  mkdirSync(target);
  expect(write(target, one)).toBe('written');
  const before = statSync(join(target, 'plan.json')).ino;
  expect(write(target, one)).toBe('unchanged');
  expect(statSync(join(target, 'plan.json')).ino).toBe(before);
  expect(write(target, two)).toBe('written');
  expect(listing(target)).toEqual(['2-b', '2-b/h.sh', 'SHA256SUMS', 'plan.json']);
  expect(readdirSync(place)).toEqual(['out']);
});

test('a lost mode is restored', () => {
  const target = join(place, 'out');
  write(target, one);
  chmodSync(join(target, '1-a/h.sh'), 0o644);
  expect(write(target, one)).toBe('written');
  expect(statSync(join(target, '1-a/h.sh')).mode & 0o777).toBe(0o755);
});

test('what fails while it is made leaves nothing', () => {
  function* failing(): Generator<EmittedFile> {
    yield* one;
    throw new Error('no template');
  }
  expect(() => stage(join(place, 'out'), failing())).toThrow('no template');
  expect(readdirSync(place)).toEqual([]);
});

test('what is staged and discarded leaves nothing', () => {
  discard(stage(join(place, 'out'), one));
  expect(readdirSync(place)).toEqual([]);
});

describe('not taken', () => {
  const target = () => join(place, 'out');
  const codes = () => obstacles(target()).map(({ code }) => code);

  test('a file', () => {
    writeFileSync(target(), 'mine');
    expect(codes()).toEqual(['BUN002']);
  });

  test('a link, even to a bundle', () => {
    write(join(place, 'other'), one);
    symlinkSync('other', target());
    expect(codes()).toEqual(['BUN002']);
  });

  test('a directory of something else', () => {
    mkdirSync(target());
    writeFileSync(join(target(), 'thesis.txt'), 'mine');
    expect(codes()).toEqual(['BUN002']);
  });

  test('one with sums that are no manifest of ours', () => {
    mkdirSync(target());
    writeFileSync(join(target(), 'SHA256SUMS'), 'hello\n');
    expect(codes()).toEqual(['BUN002']);
  });

  test('a bundle with a file more', () => {
    write(target(), one);
    writeFileSync(join(target(), '1-a/notes.txt'), 'mine');
    expect(codes()).toEqual(['BUN003']);
  });

  test('a bundle with a file changed by hand', () => {
    write(target(), one);
    writeFileSync(join(target(), 'plan.json'), '{"ticked": true}\n');
    expect(codes()).toEqual(['BUN004']);
  });
});

describe('compared', () => {
  test('the same', () => {
    write(join(place, 'out'), one);
    expect(compare(join(place, 'out'), one)).toEqual([]);
  });

  test('missing, changed, extra, another mode', () => {
    const target = join(place, 'out');
    write(target, files({ a: '1', b: '2', 'c.sh': '3', 'd.sh': '4' }));
    rmSync(join(target, 'a'));
    writeFileSync(join(target, 'b'), 'two');
    chmodSync(join(target, 'c.sh'), 0o644);
    mkdirSync(join(target, 'x'));
    writeFileSync(join(target, 'x/extra.sh'), '');
    const found = compare(target, files({ a: '1', b: '2', 'c.sh': '3', 'd.sh': '4' }));
    expect(found.map(({ code, what }) => `${code} ${what}`)).toEqual([
      'BUN010 a is missing',
      'BUN011 b differs',
      'BUN013 c.sh has the wrong mode',
      'BUN012 x/extra.sh is not part of the bundle',
    ]);
  });

  test('from a missing directory every file is missing, and it is not created', () => {
    const target = join(place, 'nowhere');
    expect(compare(target, one).map(({ code }) => code)).toEqual(['BUN010', 'BUN010', 'BUN010']);
    expect(existsSync(target)).toBe(false);
  });

  test('text is compared byte for byte', () => {
    write(join(place, 'out'), files({ a: 'é' }));
    writeFileSync(join(place, 'out/a'), Buffer.from('é', 'latin1'));
    expect(compare(join(place, 'out'), files({ a: 'é' })).map(({ code }) => code)).toEqual([
      'BUN011',
    ]);
    expect(readFileSync(join(place, 'out/a'))).toHaveLength(1);
  });
});

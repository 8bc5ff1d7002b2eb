// The committed bundles: up to date, complete, and without a finding of any checker.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { homedir, hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { print } from 'sh-syntax';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { which } from 'zx/core';
import { checkSyntax } from '../compiler/check/bash.ts';
import { lint } from '../compiler/check/shellcheck.ts';
import { formatDiagnostics } from '../compiler/diagnostic.ts';
import { isRecoveryScript } from '../compiler/emit/parts.ts';
import { guideRows } from '../compiler/plan/guide.ts';
import { readPlan } from '../compiler/plan/read.ts';
import { examples, stale, writeBundles } from './goldens.ts';

vi.setConfig({ testTimeout: 600_000 });

interface Script {
  readonly path: string;
  readonly text: string;
}

/** Complete bundles of all examples; of most, only what a person reads is committed. */
const bundles = mkdtempSync(join(tmpdir(), 'bundles-'));
await writeBundles(bundles);
afterAll(() => rmSync(bundles, { recursive: true }));

const everyScript: readonly Script[] = readdirSync(bundles, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.sh'))
  .sort()
  .map((path) => ({ path, text: readFileSync(join(bundles, path), 'utf8') }));

/** Without review.sh, which recovers nothing. */
const scripts = everyScript.filter(({ text }) => isRecoveryScript(text));

/**
 * One script of each shape: those that differ in comments and quoted values only are alike to
 * ShellCheck and shfmt, which take seconds for each.
 */
function shapes(): readonly Script[] {
  const found = new Map<string, Script>();
  for (const script of scripts) {
    const [front = '', ...rest] = script.text.split('\n# --- functions');
    const shape = front.replace(/^ *#.*$/gmu, '').replace(/'[^']*'/gu, "''");
    const key = [shape.replace(/(\(|^ +)?''( \\\n +''|\n +''| '')*/gmu, "$1''"), ...rest].join('');
    if (!found.has(key)) found.set(key, script);
  }
  return [...found.values()];
}

test('there are examples, and scripts in each', () => {
  expect(examples()).toEqual([
    'before-the-incident',
    'five-servers-and-clients',
    'guide-rejoin',
    'three-servers-two-lost',
    'total-loss',
  ]);
  for (const example of examples()) {
    expect(scripts.some(({ path }) => path.startsWith(`${example}/`))).toBe(true);
  }
});

test.each(examples())('%s is what its inventory gives, no file more or less', async (example) => {
  expect(formatDiagnostics(await stale(example), { colour: false })).toBe('');
});

test.each(examples())('%s: sha256sum agrees', (example) => {
  const ran = spawnSync('sha256sum', ['--strict', '--quiet', '-c', 'SHA256SUMS'], {
    cwd: join(bundles, example),
    encoding: 'utf8',
  });
  expect(`${ran.stdout}${ran.stderr}`).toBe('');
  expect(ran.status).toBe(0);
});

test('bash reads every script', async () => {
  const found = await checkSyntax(
    bundles,
    everyScript.map(({ path }) => path),
  );
  expect(formatDiagnostics(found, { colour: false })).toBe('');
});

test('every function a script calls is defined in it', () => {
  const defined = (text: string) =>
    new Set([...text.matchAll(/^([a-z_0-9]+)\(\) [{(]/gmu)].map(([, name = '']) => name));
  const known = [...new Set(scripts.flatMap(({ text }) => [...defined(text)]))];
  expect(known.length).toBeGreaterThan(150);
  const missing: string[] = [];
  for (const { path, text } of scripts) {
    const own = defined(text);
    const code = text.replace(/^\s*#.*$|\s# .*$/gmu, '').replace(/'[a-z_]+'|^\s*as_host\)/gmu, '');
    for (const name of known.filter((each) => !own.has(each))) {
      // A name with an underscore is no word of a message; one without is sought as a command.
      const call = name.includes('_')
        ? new RegExp(`\\b${name}\\b(?!\\))`, 'u')
        : new RegExp(`(^|[;&|(]|then|do|else|mutate|\\$\\()[ \\t]*${name}( |$|\\))(?!\\w)`, 'mu');
      if (call.test(code)) missing.push(`${path}: ${name}`);
    }
  }
  expect(missing).toEqual([]);
});

test('ShellCheck finds nothing', async () => {
  const { linter, findings } = await lint(
    bundles,
    everyScript.map(({ path }) => path),
    { given: null, sheetLines: Number.POSITIVE_INFINITY },
  );
  expect(linter.found).toBe(true);
  expect(formatDiagnostics(findings, { colour: false })).toBe('');
});

test('ShellCheck finds nothing in one script alone, as a reader runs it', async () => {
  // npm's wrapper has the same name.
  const found = await which('shellcheck', { all: true });
  const own = found.filter((path) => !realpathSync(path).endsWith('.js'))[0] ?? 'no ShellCheck';
  const paths = scripts
    .filter(({ path }) => /^three-servers-two-lost\/0[247]/u.test(path))
    .map(({ path }) => path);
  expect(paths).toHaveLength(3);
  const ran = spawnSync(own, ['--norc', '--severity=style', '--format=gcc', ...paths], {
    cwd: bundles,
    encoding: 'utf8',
  });
  expect(`${ran.stdout}${ran.stderr}`).toBe('');
  expect(ran.status).toBe(0);
});

describe('other releases of ShellCheck find nothing either', () => {
  // For other processors there is no wheel of the old release.
  const release = process.arch === 'x64' ? test : test.skip;
  release.each(['0.8.0', '0.11.0'])('%s', async (version) => {
    const given = fileURLToPath(
      new URL(`../.cache/shellcheck/${version}/shellcheck`, import.meta.url),
    );
    expect(existsSync(given), 'test/prerequisites.sh downloads it').toBe(true);
    const review = everyScript.filter(({ text }) => !isRecoveryScript(text)).slice(0, 1);
    const paths = [...shapes(), ...review].map(({ path }) => path);
    const { linter, findings } = await lint(bundles, paths, { given });
    expect(linter).toMatchObject({ found: true, version });
    expect(formatDiagnostics(findings, { colour: false })).toBe('');
  });
});

test('shfmt -i 2 -ci -bn would change nothing', async () => {
  const changed: string[] = [];
  const review = everyScript.filter(({ text }) => !isRecoveryScript(text)).slice(0, 1);
  expect(review).toHaveLength(1);
  for (const { path, text } of [...shapes(), ...review]) {
    const formatted = await print(text, {
      filepath: path,
      indent: 2,
      switchCaseIndent: true,
      binaryNextLine: true,
      spaceRedirects: false,
    });
    if (formatted !== text) changed.push(path);
  }
  expect(changed).toEqual([]);
});

test('a page has at most 150 lines, from the first line of the script', () => {
  const pages = scripts.map(({ path, text }) => ({
    path,
    lines: text.split('\n# --- values')[0]?.split('\n').length ?? Number.POSITIVE_INFINITY,
  }));
  expect(pages.filter(({ lines }) => lines > 150)).toEqual([]);
});

test('nothing of the machine that compiled is in a bundle', () => {
  const home = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/u, '');
  const strange = [home, homedir(), 'node_modules', hostname()].filter((word) => word.length > 3);
  const found = readdirSync(bundles, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => {
      const text = readFileSync(path, 'utf8');
      // root is a user of every machine, and a script may name its home.
      return strange.filter((word) => word !== '/root').some((word) => text.includes(word));
    });
  expect(found).toEqual([]);
});

describe('the guide', () => {
  test.each(examples().filter((name) => name !== 'before-the-incident'))(
    '%s: no step is missing without a reason',
    (example) => {
      const file = join(bundles, example, 'plan.json');
      const read = readPlan(readFileSync(file, 'utf8'), file);
      if (!read.ok) throw new Error(formatDiagnostics(read.diagnostics, { colour: false }));
      const rows = guideRows(read.plan);
      const silent = rows.filter(({ scripts, because }) => scripts.length + because.length === 0);
      expect(silent).toEqual([]);
      for (const { guide, scripts: carried } of rows) {
        for (const { path } of carried) {
          const text = readFileSync(join(bundles, example, path), 'utf8');
          const named = guide.replace(/d$/u, 'e').replace('.', '\\.');
          expect(text).toMatch(new RegExp(`^  begin '${named}`, 'mu'));
        }
      }
    },
  );
});

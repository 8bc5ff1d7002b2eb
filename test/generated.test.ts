// The committed bundles: fresh, whole, and nothing any checker finds fault with.

import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { homedir, hostname } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { print } from 'sh-syntax';
import { describe, expect, test, vi } from 'vitest';
import { checkSyntax } from '../compiler/check/bash.ts';
import { checkHouse } from '../compiler/check/house.ts';
import { lint } from '../compiler/check/shellcheck.ts';
import { formatDiagnostics } from '../compiler/diagnostic.ts';
import { guideRows } from '../compiler/plan/guide.ts';
import { readPlan } from '../compiler/plan/read.ts';
import { examples, generated, stale } from './goldens.ts';

vi.setConfig({ testTimeout: 600_000 });

interface Script {
  readonly path: string;
  readonly text: string;
}

const scripts: readonly Script[] = readdirSync(generated, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.sh'))
  .sort()
  .map((path) => ({ path, text: readFileSync(join(generated, path), 'utf8') }));

/**
 * One script of each shape: those that differ in comments and quoted values only are alike to
 * ShellCheck and shfmt, which take seconds for each.
 */
function shapes(): readonly Script[] {
  const found = new Map<string, Script>();
  for (const script of scripts) {
    const [front = '', ...rest] = script.text.split('\n# --- steps');
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
    cwd: join(generated, example),
    encoding: 'utf8',
  });
  expect(`${ran.stdout}${ran.stderr}`).toBe('');
  expect(ran.status).toBe(0);
});

test('bash reads every script', async () => {
  const found = await checkSyntax(
    generated,
    scripts.map(({ path }) => path),
  );
  expect(formatDiagnostics(found, { colour: false })).toBe('');
});

test('no house rule is broken', () => {
  expect(formatDiagnostics(checkHouse(scripts), { colour: false })).toBe('');
});

test('every function a script calls is defined in it', () => {
  const defined = (text: string) =>
    new Set([...text.matchAll(/^([a-z_0-9]+)\(\) [{(]/gmu)].map(([, name = '']) => name));
  const known = [...new Set(scripts.flatMap(({ text }) => [...defined(text)]))];
  expect(known.length).toBeGreaterThan(150);
  const missing: string[] = [];
  for (const { path, text } of scripts) {
    const own = defined(text);
    const code = text.replace(/^\s*#.*$/gmu, '');
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
    generated,
    shapes().map(({ path }) => path),
    null,
  );
  expect(linter.found).toBe(true);
  expect(formatDiagnostics(findings, { colour: false })).toBe('');
});

test('shfmt -i 2 -ci -bn would change nothing', async () => {
  const changed: string[] = [];
  for (const { path, text } of shapes()) {
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

test('what is specific to a script comes first and fits on two screens', () => {
  const long = scripts
    .map(({ path, text }) => ({ path, lines: text.split('\n# --- steps')[0]?.split('\n').length }))
    .filter(({ lines }) => lines === undefined || lines > 170);
  expect(long).toEqual([]);
});

test('nothing of the machine that compiled is in a bundle', () => {
  const home = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/u, '');
  const strange = [home, homedir(), 'node_modules', hostname()].filter((word) => word.length > 3);
  const found = readdirSync(generated, { recursive: true, withFileTypes: true })
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
      const file = join(generated, example, 'plan.json');
      const read = readPlan(readFileSync(file, 'utf8'), file);
      if (!read.ok) throw new Error(formatDiagnostics(read.diagnostics, { colour: false }));
      const rows = guideRows(read.plan);
      const silent = rows.filter(({ scripts, because }) => scripts.length + because.length === 0);
      expect(silent).toEqual([]);
      for (const { guide, scripts: carried } of rows) {
        for (const { path } of carried) {
          const text = readFileSync(join(generated, example, path), 'utf8');
          const named = guide.replace(/d$/u, 'e').replace('.', '\\.');
          expect(text).toMatch(new RegExp(`^  begin '${named}`, 'mu'));
        }
      }
    },
  );
});

import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { progressLine } from '../../../compiler/cli/progress.ts';
import { canRewrite, colourOn } from '../../../compiler/cli/terminal.ts';
import { type Built, built } from '../built.ts';
import { inventoryText } from '../world.ts';

let place = '';
let cli = '';
let plan: Built['plan'];

beforeAll(() => {
  ({ place, cli, plan } = built());
  writeFileSync(join(place, 'i.json'), inventoryText({ servers: ['alive', 'lost', 'lost'] }));
}, 60_000);
afterAll(() => rmSync(place, { recursive: true }));
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
});

/** A text with a name for the sequence that clears the rest of a line. */
const plainly = (text: string) => text.replaceAll('\u001b[K', '<K>');

/** What a terminal shows of a line that is written again and again, after each time. */
function screen(isTTY: boolean, columns: number) {
  const shown: string[] = [];
  let line = '';
  const write = (text: string) => {
    for (const part of plainly(text).split(/(\r|<K>)/u)) {
      if (part === '\r') line = '';
      else if (part !== '<K>') line += part;
    }
    shown.push(line);
    return true;
  };
  return { stream: { isTTY, columns, write: write as typeof process.stderr.write }, shown };
}

test('a terminal has one line with what is done and for how long, and then none', () => {
  vi.stubEnv('TERM', 'xterm');
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
  const { stream, shown } = screen(true, 40);
  const line = progressLine(stream);
  line.show('Writing');
  vi.advanceTimersByTime(2000);
  line.show(`Linting ${'x'.repeat(100)}`);
  line.clear();
  vi.advanceTimersByTime(5000);
  line.clear();
  expect(shown).toEqual([
    ...['Writing (0 s)', 'Writing (1 s)', 'Writing (2 s)'],
    ...[`Linting ${'x'.repeat(31)}`, ''],
  ]);
});

test.each([
  [false, 'xterm'],
  [true, 'dumb'],
])('terminal %s, TERM=%s: silent', (isTTY, term) => {
  vi.stubEnv('TERM', term);
  const { stream, shown } = screen(isTTY, 80);
  const line = progressLine(stream);
  line.show('Writing');
  line.clear();
  expect(shown).toEqual([]);
  expect(canRewrite(stream)).toBe(false);
});

test('NO_COLOR and FORCE_COLOR decide before the terminal does', () => {
  const terminal = { isTTY: true };
  expect(colourOn(terminal, { TERM: 'xterm' })).toBe(true);
  expect(colourOn(terminal, { TERM: 'xterm', NO_COLOR: '1' })).toBe(false);
  expect(colourOn(terminal, { TERM: 'xterm', NO_COLOR: '' })).toBe(true);
  expect(colourOn(terminal, { TERM: 'dumb' })).toBe(false);
  expect(colourOn(terminal, { TERM: 'dumb', FORCE_COLOR: '1' })).toBe(true);
  expect(colourOn(terminal, { FORCE_COLOR: '0' })).toBe(false);
});

test('a compile on a real terminal, and in a pipe', () => {
  const fake = join(place, 'fake');
  writeFileSync(
    fake,
    '#!/bin/sh\ncase "$1" in --version) echo "version: 9";; *) echo \'{"comments":[]}\';; esac\n',
    { mode: 0o755 },
  );
  const args = (out: string) => ['compile', 'i.json', '--out', out, '--shellcheck', fake];
  const command = [process.execPath, cli, ...args('there')].map((word) => `'${word}'`).join(' ');
  const ran = spawnSync('script', ['--quiet', '--return', '--command', command, '/dev/null'], {
    cwd: place,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH ?? '', TERM: 'xterm' },
  });
  const stdout = plainly(ran.stdout);
  expect(stdout).toMatch(/\rWriting the bundle \(0 s\)<K>/u);
  expect(stdout).toMatch(/\rLinting with ShellCheck 9: \d+ of \d+ parts/u);
  expect(stdout).toMatch(/\r<K>N=3, quorum 2; lost 2, alive 1 < 2: lost\r\n/u);
  expect(ran.status).toBe(0);
  expect(plan(args('here'))).toMatchObject({ status: 0, stderr: '' });
});

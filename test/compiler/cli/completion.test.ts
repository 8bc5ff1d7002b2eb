// Completion in the shells themselves, and the manual page through groff.

import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { lint } from '../../../compiler/check/shellcheck.ts';
import { bash, fish, zsh } from '../../../compiler/cli/completion-scripts.ts';
import { manual } from '../../../compiler/cli/manual.ts';
import { program } from '../../../compiler/cli/program.ts';
import { surfaceOf } from '../../../compiler/cli/surface.ts';

vi.setConfig({ testTimeout: 120_000 });

const surface = surfaceOf(program());
const names = surface.commands.map(({ name }) => name);
let place = '';

beforeAll(() => {
  place = mkdtempSync(join(tmpdir(), 'plan completion '));
  mkdirSync(join(place, 'a folder'));
  writeFileSync(join(place, 'inventory 1.json'), '');
  for (const [name, write] of Object.entries({ bash, zsh, fish })) {
    writeFileSync(join(place, name), write(surface));
  }
});
afterAll(() => rmSync(place, { recursive: true }));

/** What bash offers for the last of these words. */
function inBash(...words: readonly string[]): readonly string[] {
  const code =
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is bash
    'source ./bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _plan; printf "%s\\n" "${COMPREPLY[@]}"';
  const ran = spawnSync('bash', ['-c', code, '_', 'plan', ...words], {
    cwd: place,
    encoding: 'utf8',
  });
  // compopt says that no completion is going on.
  expect(ran.stderr).toBe('');
  return ran.stdout.split('\n').filter((line) => line !== '');
}

/** What fish offers for a command line, without descriptions. */
function inFish(line: string): readonly string[] {
  const ran = spawnSync('fish', ['-c', 'source ./fish; complete -C $argv[1]', line], {
    cwd: place,
    encoding: 'utf8',
    env: { PATH: process.env.PATH ?? '', HOME: place },
  });
  expect(ran.stderr).toBe('');
  return ran.stdout.split('\n').flatMap((each) => each.split('\t')[0] || []);
}

test.each(['bash', 'zsh', 'fish'])('%s reads its script', (shell) => {
  const ran = spawnSync(shell, ['-n', shell], { cwd: place, encoding: 'utf8' });
  expect(ran).toMatchObject({ status: 0, stderr: '' });
});

test('ShellCheck finds nothing in the script for bash', async () => {
  const { linter, findings } = await lint(place, ['bash'], { given: null });
  expect(linter.found).toBe(true);
  expect(findings).toEqual([]);
});

describe('bash', () => {
  test('commands, and the options of each', () => {
    expect(inBash('')).toEqual(names);
    expect(inBash('val')).toEqual(['validate']);
    for (const { name, options } of surface.commands) {
      expect(inBash(name, '--')).toEqual(options.map(({ long }) => long));
    }
  });

  test('values: words, also after =, files, directories, codes', () => {
    expect(inBash('compile', '--format', '')).toEqual(['text', 'json', 'github', 'sarif']);
    expect(inBash('compile', '--format', '=', 's')).toEqual(['sarif']);
    expect(inBash('compile', '--format', '=')).toHaveLength(4);
    expect(inBash('compile', 'inv')).toEqual(['inventory 1.json']);
    expect(inBash('compile', '--out', '')).toEqual(['a folder']);
    expect(inBash('explain', 'INV03')).toContain('INV034');
    expect(inBash('explain', 'inv')).toEqual(['inventory 1.json']);
    expect(inBash('compile', '--lost', '')).toEqual([]);
  });
});

describe('fish', () => {
  test('commands, options and values', () => {
    expect(inFish('plan ')).toEqual(expect.arrayContaining(names));
    expect(inFish('plan val')).toEqual(['validate']);
    for (const { name, options } of surface.commands) {
      const offered = inFish(`plan ${name} --`);
      expect(offered).toEqual(expect.arrayContaining(options.map(({ long }) => long)));
    }
    expect(inFish('plan compile --format ')).toEqual(['github', 'json', 'sarif', 'text']);
    expect(inFish('plan compile inv')).toEqual(['inventory 1.json']);
    expect(inFish('plan compile --out ')).toEqual(['a folder/']);
    expect(inFish('plan explain INV034')).toEqual(['INV034']);
    expect(inFish('plan compile --lost ')).toEqual([]);
  });
});

describe('zsh', () => {
  test('commands, options and values, on a terminal', async () => {
    const shell = spawn('script', ['--quiet', '--command', 'zsh -f -i', '/dev/null'], {
      cwd: place,
      env: { PATH: process.env.PATH ?? '', HOME: place, TERM: 'dumb' },
    });
    let shown = '';
    shell.stdout.on('data', (chunk: Buffer) => {
      shown += chunk.toString();
    });
    const until = (text: string) =>
      vi.waitFor(() => expect(shown.split(/[\r\n]+ */u).at(-1)).toBe(text), 30_000);
    try {
      shell.stdin.write(
        "PS1=''; autoload -Uz compinit; compinit -D -u; source ./zsh; unsetopt menu_complete; echo O'K'\n",
      );
      await vi.waitFor(() => expect(shown).toContain('OK\r\n'), 30_000);
      for (const [typed, want] of [
        ['plan val', 'plan validate '],
        ['plan compile --req', 'plan compile --require-shellcheck '],
        ['plan validate --format sa', 'plan validate --format sarif '],
        ['plan validate --format=g', 'plan validate --format=github '],
        ['plan explain REV00', 'plan explain REV00'],
        ['plan explain REV006', 'plan explain REV006 '],
        ['plan compile inv', 'plan compile inventory\\ 1.json '],
        ['plan compile --out a', 'plan compile --out a\\ folder/'],
        ['plan completion fi', 'plan completion fish '],
      ] as const) {
        shown = '';
        shell.stdin.write(`${typed}\t`);
        await until(want);
        // End of this line: clear it.
        shell.stdin.write('\u0015');
      }
    } finally {
      shell.stdin.end();
      shell.kill();
    }
  });
});

describe('the manual page', () => {
  const page = manual(surface);

  test('has every command and option, and what every value is', () => {
    for (const { usage, options, arguments: given } of surface.commands) {
      const flat = usage.replaceAll('-', '\\-');
      expect(page).toContain(`.SS ${flat}\n`);
      for (const { flags } of options)
        expect(page).toContain(`.B ${flags.replaceAll('-', '\\-')}\n`);
      for (const { name } of given) expect(page).toContain(`.B ${name}\n`);
    }
  });

  test('groff has nothing to say about it', () => {
    const ran = spawnSync('groff', ['-man', '-ww', '-Tutf8'], { input: page, encoding: 'utf8' });
    expect(ran).toMatchObject({ status: 0, stderr: '' });
    expect(ran.stdout).toContain('plan - recover a pgEdge Control Plane');
  });
});

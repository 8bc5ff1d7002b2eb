import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { checkSyntax } from '../../../compiler/check/bash.ts';
import { lint } from '../../../compiler/check/shellcheck.ts';
import { unusable } from '../../../compiler/check/tool.ts';

const good = '#!/usr/bin/env bash\nprintf \'%s\\n\' "$1"\n';
let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'plan check '));
  writeFileSync(join(folder, 'good.sh'), good);
  writeFileSync(join(folder, 'sloppy.sh'), "#!/usr/bin/env bash\nprintf '%s\\n' $1\n");
  writeFileSync(join(folder, 'broken.sh'), '#!/usr/bin/env bash\n\nif true; then\n');
});
afterAll(() => rmSync(folder, { recursive: true }));

test('bash reads every script', async () => {
  expect(await checkSyntax(folder, ['good.sh', 'sloppy.sh'])).toEqual([]);
  const [finding, ...rest] = await checkSyntax(folder, ['good.sh', 'broken.sh']);
  expect(rest).toEqual([]);
  expect([finding?.code, finding?.file, finding?.line]).toEqual(['CHK001', 'broken.sh', 4]);
});

test('ShellCheck finds what it finds, with its place', async () => {
  const { linter, findings } = await lint(folder, ['good.sh', 'sloppy.sh'], { given: null });
  expect(linter.found).toBe(true);
  expect(findings).toMatchObject([
    { code: 'CHK002', file: 'sloppy.sh', line: 2, column: 15, endLine: 2, endColumn: 17 },
  ]);
  expect(findings[0]?.what).toContain('SC2086');
});

/** A program that prints this version, and does this when it lints. */
function fake(name: string, version: string, body: string): string {
  const path = join(folder, name);
  writeFileSync(
    path,
    `#!/bin/sh\nif [ "$1" = --version ]; then echo 'version: ${version}'; else ${body}; fi\n`,
  );
  chmodSync(path, 0o755);
  return path;
}

describe('a ShellCheck that is named', () => {
  const comment =
    '{"file":"good.sh","line":1,"column":2,"level":"info","code":9999,"message":"from the fake"}';
  const found = `echo '{"comments":[${comment}]}'; exit 1`;

  test('is the one used, and says how far it is', async () => {
    const given = fake('my shellcheck', '7.7', found);
    const said: string[] = [];
    const progress = (doing: string) => said.push(doing);
    const { linter, findings } = await lint(folder, ['good.sh'], { given, progress });
    expect(linter).toEqual({ found: true, from: given, version: '7.7' });
    expect(findings.map(({ what }) => what)).toEqual(['SC9999 (info): from the fake']);
    expect(said.at(-1)).toBe('Linting with ShellCheck 7.7: 1 of 1 parts');
  });

  test('by a path from where the user stands, or by its name on the PATH', async () => {
    fake('shellcheck-7.8', '7.8', found);
    const here = relative(process.cwd(), join(folder, 'shellcheck-7.8'));
    expect(here).toMatch(/^\.\./u);
    expect((await lint(folder, ['good.sh'], { given: here })).linter.found).toBe(true);
    const { PATH } = process.env;
    vi.stubEnv('PATH', `${folder}:${PATH}`);
    expect((await lint(folder, ['good.sh'], { given: 'shellcheck-7.8' })).linter.found).toBe(true);
    vi.unstubAllEnvs();
  });

  test.each<readonly [string, () => string, RegExp]>([
    ['is not there', () => 'nowhere/shellcheck', /there is no such file/u],
    ['has a name that is not on the PATH', () => 'no-such-shellcheck', /it is not on the PATH/u],
    ['is a directory', () => folder, /it is not a file/u],
    ['is not executable', () => join(folder, 'good.sh'), /it is not executable/u],
  ])('%s: this is known before anything is written', async (_, given, want) => {
    expect(await unusable(given())).toMatch(want);
    const { linter } = await lint(folder, ['good.sh'], { given: given() });
    expect(linter).toMatchObject({ found: false, because: expect.stringMatching(want) });
  });

  test.each<readonly [string, string, string, RegExp]>([
    ['prints no version', '', ':', /: version: $/u],
    ['is too old', '0.7.2', found, /version 0\.7\.2 is older than 0\.8$/u],
    ['ends with an error', '1', 'echo "no memory" >&2; exit 4', /ended with status 4: no memory/u],
    ['prints nothing', '1', ':', /result cannot be read: no output/u],
    ['prints rubbish', '1', 'echo "{}"', /result cannot be read: \{\}/u],
    ['prints half a result', '1', 'echo "{\\"comments\\":[{"', /result cannot be read/u],
    [
      'prints something else',
      '1',
      'echo "{\\"comments\\":[{\\"line\\":\\"1\\"}]}"',
      /cannot be read/u,
    ],
    ['is ended from outside', '1', 'kill -9 $$', /ended by SIGKILL/u],
    ['prints without end', '1', 'cat /dev/zero', /more than 64 MiB/u],
  ])('%s: reported, with no finding', async (name, version, body, want) => {
    const given = fake(name, version, body);
    const { linter, findings } = await lint(folder, ['good.sh'], { given });
    expect(linter).toMatchObject({ found: false, because: expect.stringMatching(want) });
    expect(findings).toEqual([]);
  });

  test('hangs: it is ended with all that it started', async () => {
    const pid = join(folder, 'pid');
    const given = fake('hangs', '1', `sleep 600 & echo $! >'${pid}'; wait`);
    const began = performance.now();
    const { linter } = await lint(folder, ['good.sh'], { given, limit: 3000 });
    expect(linter).toEqual({
      found: false,
      because: `${given}: it gave no result in 3 s and was ended`,
    });
    expect(performance.now() - began).toBeLessThan(30_000);
    const child = readFileSync(pid, 'utf8').trim();
    // Ended, or ended and not yet collected by the process that inherited it.
    const state = () =>
      existsSync(`/proc/${child}`)
        ? readFileSync(`/proc/${child}/stat`, 'utf8').split(' ')[2]
        : 'Z';
    await vi.waitFor(() => expect(state()).toBe('Z'), 10_000);
  });
});

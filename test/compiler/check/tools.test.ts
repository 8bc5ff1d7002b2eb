import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkSyntax } from '../../../compiler/check/bash.ts';
import { lint } from '../../../compiler/check/shellcheck.ts';

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
  const { linter, findings } = await lint(folder, ['good.sh', 'sloppy.sh'], null);
  expect(linter.found).toBe(true);
  expect(findings.map(({ code, file, line }) => [code, file, line])).toEqual([
    ['CHK002', 'sloppy.sh', 2],
  ]);
  expect(findings[0]?.what).toContain('SC2086');
});

test('a ShellCheck that is named is the one used', async () => {
  const fake = join(folder, 'my shellcheck');
  const comment =
    '{"file":"good.sh","line":1,"column":2,"level":"info","code":9999,"message":"from the fake"}';
  writeFileSync(
    fake,
    `#!/bin/sh\ncase "$1" in --version) echo 'version: 7.7';; *) echo '{"comments":[${comment}]}';; esac\n`,
  );
  chmodSync(fake, 0o755);
  const { linter, findings } = await lint(folder, ['good.sh'], fake);
  expect(linter).toEqual({ found: true, from: fake, version: '7.7' });
  expect(findings.map(({ what }) => what)).toEqual(['SC9999 (info): from the fake']);
});

test.each([
  ['is not there', 'nowhere/shellcheck'],
  ['is something else', '/bin/true'],
])('a ShellCheck that %s is not found', async (_, given) => {
  const { linter } = await lint(folder, ['good.sh'], given);
  expect(linter.found).toBe(false);
});

test('one that breaks down is no verdict', async () => {
  const fake = join(folder, 'breaks');
  writeFileSync(
    fake,
    '#!/bin/sh\ncase "$1" in --version) echo \'version: 1\';; *) exit 4;; esac\n',
  );
  chmodSync(fake, 0o755);
  await expect(lint(folder, ['good.sh'], fake)).rejects.toThrow('gave no result');
});

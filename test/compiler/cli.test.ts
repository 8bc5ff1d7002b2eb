import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { program } from '../../compiler/cli/program.ts';
import { stepKinds } from '../../compiler/steps/all.ts';
import { type Built, built } from './built.ts';
import { inventoryText, type World } from './world.ts';

vi.setConfig({ testTimeout: 120_000 });

// The built program, as people run it.
const home = fileURLToPath(new URL('../../', import.meta.url));
let place = '';
let cli = '';
let plan: Built['plan'];

beforeAll(() => {
  ({ place, cli, plan } = built());
}, 60_000);
afterAll(() => rmSync(place, { recursive: true }));

function inventory(name: string, world: World): string {
  const path = join(place, `${name}.json`);
  writeFileSync(path, inventoryText(world));
  return path;
}

const lost: World = { servers: ['alive', 'returning', 'returning'] };

/** Every file of a directory with its text. */
function contents(root: string): Readonly<Record<string, string>> {
  const paths = readdirSync(root, { recursive: true, encoding: 'utf8', withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  return Object.fromEntries(
    paths.map((path) => [path.slice(root.length + 1), readFileSync(path, 'utf8')]),
  );
}

test('compile, check the sums, compare, emit again: the same bytes', () => {
  const file = inventory('round', lost);
  const out = join(place, 'round');
  const compiled = plan(['compile', file, '--out', out, '--no-lint']);
  expect(compiled.stderr).toBe('');
  expect(compiled.status).toBe(0);
  expect(compiled.stdout).toContain('N=3, quorum 2; lost 2, alive 1 < 2: lost');
  expect(compiled.stdout).toContain('NOT LINTED');
  const sums = spawnSync('sha256sum', ['--quiet', '--strict', '-c', 'SHA256SUMS'], { cwd: out });
  expect(sums.status).toBe(0);
  expect(plan(['compile', file, '--check', out]).status).toBe(0);
  const again = join(place, 'again');
  const emitted = plan(['emit', join(out, 'plan.json'), '--out', again, '--no-lint']);
  expect(emitted.status).toBe(0);
  expect(contents(again)).toEqual(contents(out));
  expect(plan(['compile', file, '--out', out, '--no-lint']).stdout).toContain('unchanged');
});

test('the same bytes from another directory, locale, time zone, umask and home', () => {
  const file = inventory('where', lost);
  const here = plan(['compile', file, '--out', join(place, 'here'), '--no-lint']);
  const other = mkdtempSync(join(place, 'other '));
  cpSync(file, join(other, 'where.json'));
  const shell = spawnSync(
    'bash',
    [
      '-c',
      'umask 077; exec "$@"',
      '_',
      process.execPath,
      cli,
      'compile',
      'where.json',
      '--out',
      'there',
      '--no-lint',
    ],
    {
      cwd: other,
      env: { PATH: process.env.PATH ?? '', TZ: 'Asia/Kathmandu', LC_ALL: 'tr_TR.UTF-8', HOME: '/' },
    },
  );
  expect([here.status, shell.status]).toEqual([0, 0]);
  expect(contents(join(other, 'there'))).toEqual(contents(join(place, 'here')));
  const modes = (root: string) =>
    spawnSync('find', ['.', '-printf', '%m %p\n'], { cwd: root, encoding: 'utf8' })
      .stdout.split('\n')
      .sort();
  expect(modes(join(other, 'there'))).toEqual(modes(join(place, 'here')));
});

test('--lost declares losses, and a plan of them is emitted again', () => {
  const file = inventory('undeclared', { servers: ['-', '-', '-'] });
  const out = join(place, 'lost');
  const ran = plan(['compile', file, '--lost', 's-2,s-3', '--out', out, '--no-lint']);
  expect(ran.stdout).toContain('lost 2, alive 1 < 2: lost');
  expect(existsSync(join(out, '01-prepare-on-s-1.sh'))).toBe(true);
  const unknown = plan(['compile', file, '--lost', 's-9', '--out', join(place, 'no'), '--no-lint']);
  expect(unknown.status).toBe(1);
  expect(unknown.stderr).toContain('INV042');
});

test('before an incident: one bundle for each candidate, each emitted again alone', () => {
  const file = inventory('before', { servers: ['-', '-'] });
  const out = join(place, 'before');
  expect(plan(['compile', file, '--out', out, '--no-lint']).status).toBe(0);
  expect(readdirSync(out).sort()).toEqual([
    'README.md',
    'REVIEW.md',
    'SHA256SUMS',
    'inventory.json',
    'review.sh',
    's-1',
    's-2',
    'triage.sh',
  ]);
  const alone = join(place, 'alone');
  expect(plan(['emit', join(out, 's-2/plan.json'), '--out', alone, '--no-lint']).status).toBe(0);
  expect(contents(alone)).toEqual(contents(join(out, 's-2')));
});

test('a reader that has seen enough is no mistake', () => {
  const ran = spawnSync(
    'bash',
    ['-c', 'set -o pipefail; "$0" "$1" schema | head -c 10', process.execPath, cli],
    { encoding: 'utf8' },
  );
  expect(ran.stderr).toBe('');
  expect(ran.stdout).toHaveLength(10);
});

describe('quorum', () => {
  test('4 servers, 2 lost: lost', () => {
    const file = inventory('four', { servers: ['alive', 'alive', 'lost', 'lost'] });
    const ran = plan(['compile', file, '--out', join(place, 'four'), '--no-lint']);
    expect(ran.stdout).toContain('N=4, quorum 3; lost 2, alive 2 < 3: lost');
    expect(ran.status).toBe(0);
  });

  test('5 servers, 2 lost: the wrong tool, and nothing is written', () => {
    const file = inventory('five', { servers: ['alive', 'alive', 'alive', 'lost', 'lost'] });
    const out = join(place, 'five');
    const ran = plan(['compile', file, '--out', out, '--no-lint']);
    expect(ran.status).toBe(1);
    expect(ran.stderr).toMatch(/INV034\]: .*N=5, quorum 3; lost 2, alive 3 >= 3: kept/u);
    expect(existsSync(out)).toBe(false);
  });
});

describe('--json', () => {
  test('a result', () => {
    const file = inventory('json', lost);
    const ran = plan(['compile', file, '--out', join(place, 'json'), '--json', '--no-lint']);
    const said = JSON.parse(ran.stdout);
    expect(said.ok).toBe(true);
    expect(said.result).toMatchObject({ state: 'written', scripts: 17, files: 26, linted: false });
    expect(said.result.lint).toEqual({ found: false, because: '--no-lint was given' });
    const sums = spawnSync('sha256sum', ['SHA256SUMS'], { cwd: join(place, 'json') });
    expect(String(sums.stdout)).toBe(`${said.result.manifest}  SHA256SUMS\n`);
    expect(said.result.plans[0].first).toBe('01-prepare-on-s-1.sh');
    expect(ran.stderr).toBe('');
  });

  test('all problems', () => {
    const path = join(place, 'wrong.json');
    writeFileSync(path, '{"cluster": "A", "hosts": [], "hots": 1}\n');
    const ran = plan(['compile', path, '--out', join(place, 'wrong'), '--json']);
    const said = JSON.parse(ran.stdout);
    expect(ran.status).toBe(1);
    expect(said.ok).toBe(false);
    expect(said.diagnostics.length).toBeGreaterThan(1);
    for (const each of said.diagnostics) {
      expect(Object.keys(each).sort()).toEqual([
        'code',
        'column',
        'endColumn',
        'endLine',
        'file',
        'line',
        'remedy',
        'severity',
        'what',
        'why',
      ]);
    }
  });
});

describe('ShellCheck', () => {
  // A PATH with bash, and a project without the wrapper: there is none to be had.
  const bare = () => {
    const bin = join(place, 'bin');
    if (!existsSync(bin)) {
      mkdirSync(bin);
      symlinkSync('/bin/bash', join(bin, 'bash'));
    }
    return { PATH: bin, SHELLCHECKJS_BIN: join(place, 'nowhere/shellcheck') };
  };

  test('without one the compile succeeds and says so, aloud and as data', () => {
    const file = inventory('unlinted', lost);
    const args = ['compile', file, '--out', join(place, 'unlinted')];
    const ran = plan(args, { env: bare() });
    expect(ran.status).toBe(0);
    expect(ran.stderr).toContain('CHK010');
    expect(ran.stdout).toContain('NOT LINTED');
    const said = JSON.parse(plan([...args, '--json'], { env: bare() }).stdout);
    expect(said.result).toMatchObject({ linted: false, lint: { found: false } });
  });

  test('--require-shellcheck makes that an error, and nothing is written', () => {
    const file = inventory('required', lost);
    const out = join(place, 'required');
    const ran = plan(['compile', file, '--out', out, '--require-shellcheck'], { env: bare() });
    expect(ran.status).toBe(2);
    expect(ran.stderr).toContain('CHK011');
    expect(existsSync(out)).toBe(false);
  });

  test('its findings stop the compile', () => {
    const fake = join(place, 'fake');
    const comment =
      '{"file":"before/snapshot-s-1.sh","line":3,"column":1,"level":"style","code":9998,"message":"no"}';
    writeFileSync(
      fake,
      `#!/bin/sh\ncase "$1" in --version) echo 'version: 9';; *) echo '{"comments":[${comment}]}';; esac\n`,
      { mode: 0o755 },
    );
    const file = inventory('found', lost);
    const out = join(place, 'found');
    const ran = plan(['compile', file, '--out', out, '--shellcheck', fake]);
    expect(ran.status).toBe(1);
    expect(ran.stderr).toContain('before/snapshot-s-1.sh:3:1: error[CHK002]: SC9998 (style): no');
    expect(existsSync(out)).toBe(false);
  });
});

test('values that are longer than a line do not stop the compile', () => {
  const fake = join(place, 'silent');
  writeFileSync(
    fake,
    `#!/bin/sh\ncase "$1" in --version) echo 'version: 9';; *) echo '{"comments":[]}';; esac\n`,
    { mode: 0o755 },
  );
  const file = join(place, 'long.json');
  const { hosts, ...rest } = JSON.parse(inventoryText(lost));
  const dataDirectory = `/data/${'x'.repeat(150)}/control-plane`;
  const long = hosts.map((host: object) => ({ ...host, dataDirectory }));
  writeFileSync(file, JSON.stringify({ ...rest, hosts: long }));
  const ran = plan(['compile', file, '--out', join(place, 'long'), '--shellcheck', fake]);
  expect(ran.stderr).toBe('');
  expect(ran.status).toBe(0);
});

describe('explain and schema', () => {
  test('a plan: every step of the guide with its scripts', () => {
    const file = inventory('explained', lost);
    plan(['compile', file, '--out', join(place, 'explained'), '--no-lint']);
    const ran = plan(['explain', join(place, 'explained/plan.json')]);
    expect(ran.status).toBe(0);
    expect(ran.stdout).toContain(
      '6.1d  Get the join token\n      if-needed/03-join-on-s-2.sh on s-2 (if-needed)',
    );
    expect(ran.stdout).toContain('7.1a  Stop the lost client host\n      left out: no client host');
  });

  test('the schema is the committed one', () => {
    const ran = plan(['schema']);
    expect(ran.status).toBe(0);
    expect(ran.stdout).toBe(readFileSync(join(home, 'generated/inventory.schema.json'), 'utf8'));
  });
});

test('review and diff, with their exit statuses', () => {
  const out = join(place, 'reviewed');
  const other = join(place, 'other');
  plan(['compile', inventory('reviewed', lost), '--out', out, '--no-lint']);
  plan([
    ...['compile', inventory('other', { ...lost, recovery: { tokenWindow: 20 } })],
    ...['--out', other, '--no-lint'],
  ]);
  expect(plan(['review', out])).toMatchObject({ status: 0, stderr: '' });
  const known = join(place, 'known.txt');
  writeFileSync(known, plan(['review', out, '--digests']).stdout);
  const same = plan(['review', out, '--known', known]);
  expect(same.stdout).toContain('Nothing is new');
  expect(same.status).toBe(0);
  const fresh = plan(['review', other, '--known', known, '--json']);
  expect(fresh.status).toBe(1);
  expect(JSON.parse(fresh.stdout)).toMatchObject({
    format: 'report/1',
    ok: false,
    diagnostics: [],
  });
  expect(JSON.parse(fresh.stdout).result.fresh.length).toBeGreaterThan(0);
  expect(plan(['diff', out, out])).toMatchObject({ status: 0, stdout: 'No difference.\n' });
  const differs = plan(['diff', out, other]);
  expect(differs.status).toBe(1);
  expect(differs.stdout).toContain('recovery tokenWindow 12 -> 20; 1 script: ');
  const plans = plan(['diff', join(out, 'plan.json'), join(other, 'plan.json'), '--json']);
  expect(plans.status).toBe(1);
  expect(JSON.parse(plans.stdout).result).toMatchObject({ same: false, functions: [], files: [] });
});

test('the schema of a plan knows every kind of step', () => {
  const schema = JSON.parse(plan(['schema', '--plan']).stdout);
  expect(schema.required).toContain('phases');
  for (const kind of stepKinds) expect(JSON.stringify(schema)).toContain(`"const":"${kind}"`);
});

test.each<readonly [string, readonly string[], number]>([
  ['review of no bundle', ['review', 'nowhere'], 2],
  ['review with known digests that are not there', ['review', 'round', '--known', 'nowhere'], 2],
  ['diff of nothing', ['diff', 'nowhere', 'nowhere'], 2],
  ['diff of something that is no plan', ['diff', 'package.json', 'package.json'], 2],
  ['help', ['--help'], 0],
  ['version', ['--version'], 0],
  ['no command', [], 2],
  ['an unknown command', ['destroy'], 2],
  ['an unknown option', ['compile', 'x', '--out', 'y', '--force'], 2],
  ['two directories', ['compile', 'x', '--out', 'y', '--check', 'z'], 2],
  ['a file that is not there', ['compile', 'nowhere.json', '--out', 'y'], 2],
  ['a plan that is not there', ['emit', 'nowhere.json', '--out', 'y'], 2],
])('exit status: %s', (_, args, want) => {
  expect(plan(args).status).toBe(want);
});

describe('help', () => {
  const names = program().commands.map((command) => command.name());

  test.each(['', ...names])('of `plan %s` has an example and the exit statuses', (name = '') => {
    const ran = plan([...(name === '' ? [] : [name]), '--help']);
    expect(ran).toMatchObject({ status: 0, stderr: '' });
    expect(ran.stdout).toMatch(new RegExp(`^Examples?:\n  .*plan ${name}\\b.*\n      \\S`, 'mu'));
    expect(ran.stdout).toMatch(/^Exit status: 0 \S.*, 1 \S.*, 2 \S.*\.$/mu);
  });
});

describe('in the way', () => {
  test('a directory of something else is left alone, exit 2', () => {
    const out = join(place, 'taken');
    mkdirSync(out);
    writeFileSync(join(out, 'thesis.txt'), 'mine');
    const ran = plan(['compile', inventory('taken', lost), '--out', out, '--no-lint']);
    expect(ran.status).toBe(2);
    expect(ran.stderr).toContain('BUN002');
    expect(readdirSync(out)).toEqual(['thesis.txt']);
  });

  test('--check says what differs, exit 1, and writes nothing', () => {
    const out = join(place, 'stale');
    plan(['compile', inventory('stale', lost), '--out', out, '--no-lint']);
    const before = contents(out);
    const changed = inventory('stale', { ...lost, recovery: { tokenWindow: 20 } });
    const ran = plan(['compile', changed, '--check', out]);
    expect(ran.status).toBe(1);
    expect(ran.stderr).toContain('[BUN011]: 03-rewrite-on-s-1.sh differs');
    expect(contents(out)).toEqual(before);
  });

  test('a place that cannot be written is exit 2', () => {
    const ran = plan(['compile', inventory('nul', lost), '--out', '/proc/nowhere', '--no-lint']);
    expect(ran.status).toBe(2);
    expect(ran.stderr).toContain('BUN005');
  });
});

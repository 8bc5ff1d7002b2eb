// plan compile --tools, plan emit, plan pack and plan verify as people run them.

import { cpSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { sha256 } from '../../../compiler/sha256.ts';

import { type Built, built } from '../built.ts';
import { directoryOf, elsewhere, program, release } from '../tools/programs.ts';
import { inventoryText } from '../world.ts';

vi.setConfig({ testTimeout: 120_000 });

let place = '';
let plan: Built['plan'];
const releases = directoryOf({ ...release, jq: program('\x001.7.1\0', ['libc.so.6']) });

beforeAll(() => {
  ({ place, plan } = built());
  writeFileSync(
    join(place, 'lost.json'),
    inventoryText({ servers: ['alive', 'returning', 'returning'] }),
  );
  writeFileSync(join(place, 'before.json'), inventoryText({ servers: ['-', '-', '-'] }));
}, 60_000);
afterAll(() => {
  rmSync(place, { recursive: true });
  rmSync(releases, { recursive: true });
});

function read(path: string): string {
  return readFileSync(join(place, path), 'utf8');
}

test('compile, compare, emit, pack and verify a bundle with tools', () => {
  const options = ['--tools', releases, '--no-lint'];
  const compiled = plan(['compile', 'lost.json', '--out', 'lost', ...options]);
  expect(compiled.stderr).toContain(
    `warning[TOOL008]: jq for ${elsewhere} needs /lib/ld.so, libc.so.6`,
  );
  expect(compiled.status).toBe(0);
  expect(compiled.stdout).toContain(
    `tools/${elsewhere}/etcd: 3.6.8 (stated by the file, not run on this machine)`,
  );
  const sum = sha256(release.etcdctl);
  const line = `${elsewhere}/etcdctl`;
  expect(read('lost/SHA256SUMS')).toContain(`${sum}  tools/${line}\n`);
  expect(read('lost/RUNBOOK.md')).toContain(`- \`tools/${line}\` 3.6.8, SHA-256 \`${sum}\``);
  expect(read('lost/RUNBOOK.html')).toContain(sum);
  expect(read('lost/REVIEW.md')).toContain(
    `| [ ] | \`tools/${line}\` | 3.6.8 | ${elsewhere} | \`${sum}\` |`,
  );
  for (const script of ['02-restore-on-s-1.sh', 'recover.sh', 'triage.sh']) {
    expect(read(`lost/${script}`)).toContain(`  '${line} ${sum}'\n`);
    expect(read(`lost/${script}`)).toContain("readonly -a TOOLS_PLACES=('tools'");
  }
  expect(read('lost/if-needed/01-remove-s-2-on-s-1.sh')).toContain("TOOLS_PLACES=('../tools')");
  expect(statSync(join(place, `lost/tools/${line}`)).mode & 0o777).toBe(0o755);
  const check = ['compile', 'lost.json', '--check', 'lost'];
  expect(plan([...check, '--tools', 'lost/tools']).status).toBe(0);
  expect(plan(check).status).toBe(1);

  expect(plan(['emit', 'lost/plan.json', '--out', 'again', '--no-lint']).status).toBe(0);
  expect(read('again/SHA256SUMS')).toBe(read('lost/SHA256SUMS'));
  rmSync(join(place, `again/tools/${line}`));
  const missing = plan(['emit', 'again/plan.json', '--out', 'third', '--no-lint']);
  expect(missing.status).toBe(2);
  expect(missing.stderr).toContain('error[TOOL009]');

  const packed = plan(['pack', 'lost']);
  expect(packed).toMatchObject({ status: 0, stderr: '' });
  expect(packed.stdout).toMatch(/acme-s-1\.tar\.gz: s-1, \d+ files, \d+\.\d MB, written\n/u);
  expect(readdirSync(join(place, 'lost-packed')).sort()).toEqual([
    'acme-all.tar.gz',
    'acme-s-1.tar.gz',
    'acme-s-2.tar.gz',
    'acme-s-3.tar.gz',
  ]);
  const digest = sha256(read('lost/SHA256SUMS'));
  const archive = 'lost-packed/acme-s-2.tar.gz';
  const verified = plan(['verify', archive, '--digest', digest]);
  expect(verified).toMatchObject({ status: 0, stderr: '' });
  expect(verified.stdout).toContain('as stated; scripts of s-2; without those of s-1, s-3\n');
  expect(plan(['verify', archive, '--digest', 'f'.repeat(64)]).stderr).toContain('error[BUN041]');
  expect(plan(['verify', archive, '--digest', 'short']).status).toBe(2);
  expect(plan(['verify', archive, '--identity', 'eve']).status).toBe(2);
  const json = JSON.parse(plan(['verify', archive, '--json']).stdout);
  expect(json).toMatchObject({ ok: true, result: { manifest: digest, hosts: ['s-2'] } });
});

test('before an incident the tools are there once, and a folder can be emitted alone', () => {
  const args = ['compile', 'before.json', '--out', 'before', '--tools', releases, '--no-lint'];
  expect(plan(args).status).toBe(0);
  const all = readdirSync(join(place, 'before'), { recursive: true, encoding: 'utf8' });
  expect(all.filter((path) => path.endsWith('/etcdctl'))).toEqual([`tools/${elsewhere}/etcdctl`]);
  expect(read('before/s-2/02-restore-on-s-2.sh')).toContain("TOOLS_PLACES=('tools' '../tools')");
  expect(read('before/s-2/undo/undo-on-s-2.sh')).toContain("('../tools' '../../tools')");
  expect(read('before/triage.sh')).toBe(read('before/s-2/triage.sh'));
  expect(plan(['emit', 'before/s-2/plan.json', '--out', 'alone', '--no-lint']).status).toBe(0);
  expect(read('alone/recover.sh')).toBe(read('before/s-2/recover.sh'));
  expect(plan(['verify', 'alone']).status).toBe(0);
  expect(plan(['pack', 'before']).status).toBe(0);
  expect(plan(['verify', 'before-packed/acme-s-3.tar.gz']).status).toBe(0);
});

test('tools that cannot be used: nothing is written, and each problem is reported', () => {
  cpSync(releases, join(place, 'bad'), { recursive: true });
  writeFileSync(join(place, 'bad/etcd'), '#!/bin/sh\n');
  const args = ['compile', 'lost.json', '--out', 'nothing', '--tools', 'bad', '--no-lint'];
  const refused = plan(args);
  expect(refused.status).toBe(1);
  expect(refused.stderr).toContain('error[TOOL004]: etcd cannot be used: it is a script');
  expect(readdirSync(place)).not.toContain('nothing');
  const strict = ['compile', 'lost.json', '--out', 'nothing', '--tools', releases, '--strict'];
  expect(plan([...strict, '--no-lint']).stderr).toContain('error[TOOL008]');
  expect(readdirSync(place)).not.toContain('nothing');
});

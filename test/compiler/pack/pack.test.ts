// plan pack and plan verify: what is in an archive, the same bytes everywhere, and what is refused.

import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { bundle, withTools } from '../../../compiler/bundle/bundle.ts';
import { planAll } from '../../../compiler/compile.ts';
import { loadTemplates } from '../../../compiler/emit/templates.ts';
import { writeArchive } from '../../../compiler/pack/archive.ts';
import { pack } from '../../../compiler/pack/pack.ts';
import { type Entry, endOfArchive, entryBlocks, isSafe } from '../../../compiler/pack/tar.ts';
import { verify } from '../../../compiler/pack/verify.ts';
import { signed } from '../../../compiler/plan/digest.ts';
import { sha256 } from '../../../compiler/sha256.ts';
import { asPlanned, inspectTools, toolFiles } from '../../../compiler/tools/inspect.ts';
import { writeBundle } from '../../tools/write-bundle.ts';
import { directoryOf, elsewhere, release } from '../tools/programs.ts';
import { inventoryOf, inventoryText, type World } from '../world.ts';

vi.setConfig({ testTimeout: 60_000 });

const place = mkdtempSync(join(tmpdir(), 'plan-pack-test-'));
afterAll(() => rmSync(place, { recursive: true, force: true }));
const nothing = { digest: null, signer: null };
const lost: World = { servers: ['alive', 'returning', 'returning'], clients: ['alive'] };
const before: World = { servers: ['-', '-', '-'] };
const templates = loadTemplates();

/** A bundle with tools, as `plan compile --tools` writes it. */
async function made(name: string, world: World): Promise<string> {
  const directory = join(place, name);
  const { tools } = inspectTools(directoryOf(release));
  const plans = planAll(inventoryOf(world)).map((plan) =>
    signed({ ...plan, tools: asPlanned(tools) }),
  );
  await writeBundle(
    directory,
    withTools(bundle(plans, inventoryText(world), templates), toolFiles(tools)),
  );
  return directory;
}

const recovery = await made('recovery', lost);
const candidates = await made('candidates', before);
const request = { key: null, progress: () => {} };
let out = '';
let count = 0;
beforeEach(() => {
  count += 1;
  out = join(place, `out-${count}`);
});

function packed(directory: string) {
  const outcome = pack(directory, { ...request, out });
  expect(outcome.diagnostics).toEqual([]);
  if (outcome.result === null) throw new Error('not packed');
  return outcome.result;
}

/** A copy of a bundle, to be changed. */
function copied(directory = recovery): string {
  const to = join(place, `copy-${count}`);
  cpSync(directory, to, { recursive: true });
  return to;
}

function listed(file: string): readonly string[] {
  return execFileSync('tar', ['-tzf', file], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((path) => path.slice(path.indexOf('/') + 1));
}

function unpacked(file: string, into: string): string {
  mkdirSync(into, { recursive: true });
  execFileSync('tar', ['-xzf', file, '-C', into]);
  return join(into, readdirSync(into)[0] ?? '');
}

async function codesOf(target: string, asked = {}): Promise<readonly string[]> {
  const verified = await verify(target, { ...nothing, ...asked });
  return [String(verified.exit), ...new Set(verified.diagnostics.map(({ code }) => code))];
}

describe('the archives', () => {
  test('each host gets its own scripts, the tools and the complete list of sums', () => {
    const { archives } = packed(recovery);
    expect(archives.map(({ file }) => file.slice(out.length + 1))).toEqual([
      'acme-s-1.tar.gz',
      'acme-s-2.tar.gz',
      'acme-s-3.tar.gz',
      'acme-c-1.tar.gz',
      'acme-all.tar.gz',
    ]);
    const [, second] = archives;
    const paths = listed(second?.file ?? '');
    expect(paths).toEqual([...paths].sort());
    expect(paths.filter((path) => path.includes('-on-') && !path.endsWith('-on-s-2.sh'))).toEqual(
      [],
    );
    expect(paths).toEqual(
      expect.arrayContaining([
        ...['SHA256SUMS', 'RUNBOOK.md', 'RUNBOOK.html', 'REVIEW.md', 'plan.json'],
        ...['recover.sh', 'triage.sh', 'review.sh', 'before/snapshot-on-s-2.sh'],
        ...['undo/undo-on-s-2.sh', `tools/${elsewhere}/etcdctl`],
      ]),
    );
    const all = execFileSync('find', [recovery, '-type', 'f', '-printf', '%P\\n'], {
      encoding: 'utf8',
    });
    expect(listed(archives.at(-1)?.file ?? '')).toEqual(all.trim().split('\n').sort());
  });

  test('before an incident, a host gets its scripts of every folder', () => {
    const { archives } = packed(candidates);
    const paths = listed(archives[1]?.file ?? '').filter((path) => path.endsWith('-on-s-2.sh'));
    expect(new Set(paths.map((path) => path.split('/')[0]))).toEqual(
      new Set(['s-1', 's-2', 's-3']),
    );
    expect(listed(archives[1]?.file ?? '').filter((path) => path.includes('tools/'))).toHaveLength(
      3,
    );
  });

  test('the two printed lines verify it on a host; review.sh accepts it, and a loss of its own not', () => {
    const { archives, folder, manifest } = packed(recovery);
    const on = unpacked(archives[2]?.file ?? '', join(out, 'host'));
    expect(on.endsWith(folder)).toBe(true);
    const line = `echo '${manifest}  SHA256SUMS' | sha256sum --check --quiet`;
    const more = 'sha256sum --check --ignore-missing --quiet SHA256SUMS && bash review.sh';
    const sh = (command: string) =>
      spawnSync('bash', ['-c', command], { cwd: on, encoding: 'utf8' });
    const good = sh(`${line} && ${more}`);
    expect(good.stderr).toBe('');
    expect(good.stdout).toContain('Not here, because they run on s-1: ');
    expect(good.stdout).toContain('All as stated.');
    writeFileSync(join(on, 'SHA256SUMS.sig'), 'a signature');
    expect(sh('bash review.sh').status).toBe(0);
    rmSync(join(on, 'undo/undo-on-s-3.sh'));
    expect(sh('bash review.sh').stdout).toContain('DIFFERS: undo/undo-on-s-3.sh, the file');
    expect(sh('bash review.sh').status).toBe(1);
  });

  test('review.sh: without plan.json nothing may be missing, and no other file ever', () => {
    const { archives } = packed(candidates);
    const on = unpacked(archives[0]?.file ?? '', join(out, 'host'));
    const review = () => spawnSync('bash', [join(on, 'review.sh')], { encoding: 'utf8' });
    expect(review().status).toBe(0);
    rmSync(join(on, 's-2/recover.sh'));
    expect(review().stdout).toContain('DIFFERS: s-2/recover.sh, the file');
    rmSync(join(on, 's-1/plan.json'));
    expect(review().stdout).toMatch(/DIFFERS: s-1\/\S+-on-s-2\.sh, the file/u);
  });

  // The sum is written down here: if it changes, new archives differ from those of older releases.
  test('the same bytes on every machine and release of Node', () => {
    const sums = packed(recovery).archives.map((each) => each.sha256);
    expect(sums).toEqual(
      pack(recovery, { ...request, out: `${out}-2` }).result?.archives.map((each) => each.sha256),
    );
    const file = join(out, 'fixed.tar.gz');
    const entries = [
      { path: 'a/b.sh', mode: 0o755, bytes: Buffer.from('text\n'.repeat(1000)) },
      { path: `a/${'long/'.repeat(40)}c`, mode: 0o644, bytes: Buffer.alloc(0) },
    ];
    expect(writeArchive(file, entries, new Map()).sha256).toBe(
      'deb48a743aab7c4c1ae6887817a3bebca93ad9cef1195587711953483f6b5951',
    );
    expect(listed(file)).toEqual(['b.sh', `${'long/'.repeat(40)}c`]);
  });

  test('a second time nothing changes; other bytes are never overwritten', () => {
    packed(recovery);
    const again = pack(recovery, { ...request, out });
    expect(new Set(again.result?.archives.map(({ state }) => state))).toEqual(
      new Set(['unchanged']),
    );
    writeFileSync(join(out, 'acme-s-1.tar.gz'), 'precious');
    rmSync(join(out, 'acme-s-2.tar.gz'));
    const refused = pack(recovery, { ...request, out });
    expect([refused.exit, refused.diagnostics.map(({ code }) => code)]).toEqual([2, ['BUN037']]);
    expect(readFileSync(join(out, 'acme-s-1.tar.gz'), 'utf8')).toBe('precious');
    expect(existsSync(join(out, 'acme-s-2.tar.gz'))).toBe(false);
    expect(readdirSync(out).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  test.each<readonly [string, string, (directory: string) => void]>([
    ['BUN031', 'a changed file', (at) => writeFileSync(join(at, 'RUNBOOK.md'), 'changed')],
    ['BUN032', 'a missing script', (at) => rmSync(join(at, 'undo/undo-on-s-1.sh'))],
    ['BUN033', 'another file', (at) => writeFileSync(join(at, 'notes.txt'), '')],
    ['BUN034', 'a lost mode', (at) => chmodSync(join(at, 'recover.sh'), 0o644)],
    ['BUN035', 'a link', (at) => symlinkSync('recover.sh', join(at, 'link.sh'))],
    ['BUN030', 'no sums', (at) => rmSync(join(at, 'SHA256SUMS'))],
    ['BUN030', 'no plan', (at) => rmSync(join(at, 'plan.json'))],
  ])('%s: %s is not packed', (code, _, change) => {
    const directory = copied();
    change(directory);
    const { exit, diagnostics } = pack(directory, { ...request, out });
    expect(exit).toBeGreaterThan(0);
    expect(diagnostics.map((each) => each.code)).toEqual([code]);
    expect(existsSync(out)).toBe(false);
  });

  test('BUN036: what was unpacked from a host archive is not packed again; BUN038, BUN044: no place', () => {
    const { archives } = packed(recovery);
    const on = unpacked(archives[0]?.file ?? '', join(out, 'host'));
    const codes = pack(on, { ...request, out }).diagnostics.map(({ code }) => code);
    expect(new Set(codes)).toEqual(new Set(['BUN036']));
    const file = join(on, 'RUNBOOK.md');
    expect(pack(recovery, { ...request, out: file }).diagnostics[0]?.code).toBe('BUN038');
    for (const inside of [recovery, join(recovery, 'packed')]) {
      const { diagnostics } = pack(recovery, { ...request, out: inside });
      expect(diagnostics.map(({ code }) => code)).toEqual(['BUN044']);
    }
  });
});

describe('plan verify', () => {
  test('a bundle, each archive, and what was unpacked', async () => {
    const { archives, manifest } = packed(recovery);
    for (const target of [recovery, ...archives.map(({ file }) => file)]) {
      expect(await codesOf(target, { digest: manifest })).toEqual(['0']);
    }
    const [first] = archives;
    const verified = await verify(first?.file ?? '', nothing);
    expect(verified.result).toMatchObject({ hosts: ['s-1'], absent: ['s-2', 's-3', 'c-1'] });
    expect(await codesOf(unpacked(first?.file ?? '', join(out, 'host')))).toEqual(['0']);
    expect(await codesOf(recovery, { digest: '0'.repeat(64) })).toEqual(['1', 'BUN041']);
  });

  test('each difference is reported', async () => {
    const directory = copied();
    writeFileSync(join(directory, 'RUNBOOK.md'), 'changed');
    rmSync(join(directory, 'undo/undo-on-s-1.sh'));
    writeFileSync(join(directory, 'more.sh'), '', { mode: 0o755 });
    chmodSync(join(directory, 'triage.sh'), 0o644);
    expect(await codesOf(directory)).toEqual(['1', 'BUN031', 'BUN032', 'BUN033', 'BUN034']);
  });

  test('what is no bundle', async () => {
    expect(await codesOf('/nonexistent')).toEqual(['2', 'BUN039']);
    expect(await codesOf(mkdtempSync(join(place, 'empty-')))).toEqual(['2', 'BUN030']);
  });

  const good: Entry = { path: 'acme/a', mode: 0o644, bytes: Buffer.from('a') };
  const named = (path: string): Entry => ({ ...good, path });
  test.each<readonly [string, () => Buffer]>([
    ['a path that leaves', () => archive(named('acme/../../etc/passwd'))],
    ['an absolute path', () => archive(named('/etc/passwd'))],
    ['a path with an empty part', () => archive(named('acme//a'))],
    ['a control character', () => archive(named('acme/\u001b[2J'))],
    ['a long path that leaves', () => archive(named(`acme/${'../'.repeat(60)}a`))],
    ['two folders', () => archive(good, named('other/a'))],
    ['a file in no folder', () => archive(named('a'))],
    ['a path that is there twice', () => archive(good, good)],
    ['a link', () => gzipSync(Buffer.concat([retyped('2'), endOfArchive]))],
    ['a hard link', () => gzipSync(Buffer.concat([retyped('1'), endOfArchive]))],
    ['a device', () => gzipSync(Buffer.concat([retyped('3'), endOfArchive]))],
    ['a directory', () => gzipSync(Buffer.concat([retyped('5'), endOfArchive]))],
    [
      'a wrong sum',
      () => gzipSync(Buffer.concat([entryBlocks(good).fill('x', 0, 1), endOfArchive])),
    ],
    ['no end', () => gzipSync(entryBlocks(good))],
    ['something after the end', () => gzipSync(Buffer.concat([endOfArchive, entryBlocks(good)]))],
    ['a huge size', () => gzipSync(Buffer.concat([huge(), endOfArchive]))],
    ['cut off', () => archive(good).subarray(0, 40)],
    ['no gzip', () => Buffer.from('text')],
    ['nothing', () => Buffer.alloc(0)],
  ])('an archive with %s is not read', async (_, bytes) => {
    const file = join(place, `hostile-${count}.tar.gz`);
    writeFileSync(file, bytes());
    expect(await codesOf(file)).toEqual(['2', 'BUN039']);
  });

  function archive(...entries: readonly Entry[]): Buffer {
    return gzipSync(Buffer.concat([...entries.map(entryBlocks), endOfArchive]));
  }

  function retyped(type: string): Buffer {
    return summed(entryBlocks(named('acme/a')).fill(type, 156, 157));
  }

  function huge(): Buffer {
    return summed(entryBlocks(good).fill('77777777777', 124, 135));
  }

  function summed(blocks: Buffer): Buffer {
    blocks.fill(' ', 148, 156);
    const sum = blocks.subarray(0, 512).reduce((all, byte) => all + byte, 0);
    blocks.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
    return blocks;
  }

  test('names that are accepted', () => {
    expect(['a', 'a/b.sh', 'a b'].map(isSafe)).toEqual([true, true, true]);
    expect(['', '.', 'a/..', 'a\\b', 'a\u202eb', '/a', 'a/'].some(isSafe)).toBe(false);
  });
});

describe('signatures', () => {
  const key = join(place, 'key');
  const signers = join(place, 'signers');
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'test', '-f', key]);
  writeFileSync(signers, `ops@example.com ${readFileSync(`${key}.pub`, 'utf8')}`);
  const signer = { allowed: signers, identity: 'ops@example.com' };

  test('signed, verified, and the same bytes again', async () => {
    const outcome = pack(recovery, { ...request, key, out });
    expect(outcome.result?.signed).toBe(true);
    const [first] = outcome.result?.archives ?? [];
    const file = first?.file ?? '';
    expect(listed(file)).toContain('SHA256SUMS.sig');
    expect(await codesOf(file, { signer })).toEqual(['0']);
    const again = pack(recovery, { ...request, key, out });
    expect(again.result?.archives.every(({ state }) => state === 'unchanged')).toBe(true);
    const on = unpacked(file, join(out, 'host'));
    expect(await codesOf(on, { signer })).toEqual(['0']);
    expect(await codesOf(on, { signer: { ...signer, identity: 'eve' } })).toEqual(['1', 'BUN042']);
    const words = readFileSync(join(on, 'SHA256SUMS.sig'), 'utf8');
    writeFileSync(join(on, 'SHA256SUMS.sig'), words.replace(/[A-Z]/u, 'z'));
    expect(await codesOf(on, { signer })).toEqual(['1', 'BUN042']);
    rmSync(join(on, 'SHA256SUMS.sig'));
    expect(await codesOf(on, { signer })).toEqual(['1', 'BUN042']);
  });

  test('BUN040: no key; BUN043: no ssh-keygen', async () => {
    const { exit, diagnostics } = pack(recovery, { ...request, key: '/nonexistent', out });
    expect([exit, diagnostics.map(({ code }) => code)]).toEqual([2, ['BUN040']]);
    const { archives } = pack(recovery, { ...request, key, out }).result ?? { archives: [] };
    const path = process.env.PATH;
    process.env.PATH = '/nonexistent';
    try {
      expect(await codesOf(archives[0]?.file ?? '', { signer })).toEqual(['2', 'BUN043']);
    } finally {
      process.env.PATH = path;
    }
  });
});

test('a moved bundle packs to the same archives', () => {
  const { archives } = packed(recovery);
  const moved = copied();
  renameSync(moved, `${moved}-moved`);
  const other = pack(`${moved}-moved`, { ...request, out: `${out}-moved` }).result;
  expect(other?.archives.map((each) => each.sha256)).toEqual(archives.map((each) => each.sha256));
  expect(sha256(readFileSync(archives[0]?.file ?? ''))).toBe(archives[0]?.sha256);
});

// Tools for a bundle: which are found, what is refused, and what a warning says.

import { readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { planText } from '../../../compiler/bundle/bundle.ts';
import { signed } from '../../../compiler/plan/digest.ts';
import { readPlan } from '../../../compiler/plan/read.ts';
import { readElf } from '../../../compiler/tools/elf.ts';
import {
  asPlanned,
  inspectTools,
  plannedTools,
  toolFiles,
} from '../../../compiler/tools/inspect.ts';
import { isUsable, searched, versionOf } from '../../../compiler/tools/version.ts';
import { planOf } from '../world.ts';
import { commandHere, directoryOf, elsewhere, program, release } from './programs.ts';

const places: string[] = [];
afterEach(() => {
  for (const place of places.splice(0)) rmSync(place, { recursive: true, force: true });
});

function place(files: Readonly<Record<string, string | Uint8Array>>): string {
  const root = directoryOf(files);
  places.push(root);
  return root;
}

function codesOf(root: string): readonly string[] {
  return inspectTools(root).diagnostics.map(({ code }) => code);
}

describe('what is found', () => {
  test.each([
    ['flat', { ...release }],
    ['a directory for each architecture', prefixed(`${elsewhere}/`)],
    ['as released', prefixed(`etcd-v3.6.8-linux-${elsewhere}/`)],
    ['a bundle of tools', prefixed(`tools/${elsewhere}/`)],
  ])('%s', (_, files) => {
    const { tools, diagnostics } = inspectTools(place(files));
    expect(diagnostics).toEqual([]);
    expect(
      tools.map(({ name, architecture, version, ran }) => [name, architecture, version, ran]),
    ).toEqual([
      ['etcd', elsewhere, '3.6.8', false],
      ['etcdctl', elsewhere, '3.6.8', false],
      ['etcdutl', elsewhere, '3.6.8', false],
    ]);
  });

  test('jq under the names of its releases; other files are left alone', () => {
    const jq = program('\0jq-1.8.1\0');
    const root = place({
      ...release,
      'jq-linux-arm64': jq,
      'README.md': 'text',
      'etcd-v3.6.8-linux-amd64.tar.gz': 'not read',
      'jq-macos-arm64': 'not read',
    });
    const { tools, diagnostics } = inspectTools(root);
    expect(diagnostics).toEqual([]);
    expect(tools.at(-1)).toMatchObject({ name: 'jq', version: '1.8.1' });
  });

  test('the same file twice counts once', () => {
    expect(codesOf(place({ ...release, 'again/etcd': release.etcd }))).toEqual([]);
  });

  test('a program for this machine is run once', () => {
    const here = process.arch === 'arm64' ? 'arm64' : 'amd64';
    expect(versionOf('jq', here, commandHere('jq'))).toMatchObject({ ran: true });
  });
});

function prefixed(folder: string) {
  return Object.fromEntries(Object.entries(release).map(([name, bytes]) => [folder + name, bytes]));
}

describe('what is refused', () => {
  test.each<readonly [string, string, Readonly<Record<string, string | Uint8Array>>]>([
    ['TOOL002', 'nothing is there', {}],
    ['TOOL002', 'one of three is missing', { etcd: release.etcd, etcdctl: release.etcdctl }],
    ['TOOL002', 'only jq', { jq: program('\x001.7.1\0') }],
    ['TOOL004', 'a script', { ...release, etcd: '#!/bin/sh\necho etcd Version: 3.6.8\n' }],
    ['TOOL004', 'a text', { ...release, etcd: 'etcd' }],
    ['TOOL004', 'cut off', { ...release, etcd: release.etcd.subarray(0, 80) }],
    ['TOOL004', 'another machine', { ...release, etcd: program(undefined, [], 'riscv64') }],
    [
      'TOOL005',
      'two releases',
      { ...release, 'b/etcd': program('\tgo.etcd.io/etcd/api/v3\tv3.6.9\n') },
    ],
    ['TOOL006', 'etcd 3.7', { ...release, etcd: program('\tgo.etcd.io/etcd/api/v3\tv3.7.0\n') }],
    ['TOOL006', 'etcd 3.5', { ...release, etcdutl: program('\tgo.etcd.io/etcd/api/v3\tv3.5.9\n') }],
    ['TOOL006', 'jq 1.5', { ...release, jq: program('\x001.5\0') }],
    ['TOOL007', 'no version', { ...release, etcd: program('nothing') }],
    ['TOOL007', 'two versions', { ...release, jq: program('\x001.6\x00\x001.7\0') }],
    ['TOOL007', 'it runs here and says nothing', { ...release, etcdctl: commandHere('true') }],
  ])('%s: %s', (code, _, files) => {
    const { tools, diagnostics } = inspectTools(place(files));
    expect(tools).toEqual([]);
    expect(
      diagnostics.filter(({ severity }) => severity === 'error').map((each) => each.code),
    ).toEqual([code]);
  });

  test('TOOL001: no directory', () => {
    expect(codesOf('/nonexistent')).toEqual(['TOOL001']);
    expect(codesOf(join(place({ file: '' }), 'file'))).toEqual(['TOOL001']);
  });

  test('TOOL003: a link is not followed, and a file has a limit', () => {
    const root = place({ ...release });
    symlinkSync('etcd', join(root, 'jq'));
    const [found] = inspectTools(root).diagnostics;
    expect(found).toMatchObject({
      code: 'TOOL003',
      what: 'jq cannot be used: it is a symbolic link',
    });
    rmSync(join(root, 'jq'));
    writeFileSync(join(root, 'jq'), '');
    truncateSync(join(root, 'jq'), 257 * 1024 * 1024);
    expect(codesOf(root)).toEqual(['TOOL003']);
  });

  test('all problems are reported at once', () => {
    expect(codesOf(place({ etcd: 'text', etcdctl: '#!/bin/sh', jq: '' }))).toEqual([
      'TOOL004',
      'TOOL004',
      'TOOL004',
    ]);
  });
});

test('a dynamic program: the loader and the libraries', () => {
  const bytes = program('', ['libjq.so.1', 'libc.so.6']);
  const needed = ['/lib/ld.so', 'libjq.so.1', 'libc.so.6'];
  expect(readElf(bytes)).toEqual({ architecture: elsewhere, needed });
  const root = place({ ...release, jq: program('\x001.6\0', ['libc.so.6']) });
  const { tools, diagnostics } = inspectTools(root);
  expect(tools.length).toBe(4);
  expect(diagnostics.map(({ code, what }) => `${code} ${what}`)).toEqual([
    `TOOL008 jq for ${elsewhere} needs /lib/ld.so, libc.so.6`,
  ]);
});

test('a damaged file is never read beyond its end', () => {
  const bytes = program('', ['libjq.so.1']);
  for (let at = 0; at < bytes.length; at += 1) {
    expect(() => readElf(bytes.subarray(0, at))).not.toThrow();
    const damaged = Buffer.from(bytes);
    damaged[at] = 0xff;
    expect(() => readElf(damaged)).not.toThrow();
  }
});

test('versions', () => {
  expect(isUsable('etcd', '3.6.0')).toBe(true);
  expect(isUsable('etcd', '4.6.0')).toBe(false);
  expect(isUsable('jq', '1.10')).toBe(true);
  expect(isUsable('jq', '2.0')).toBe(true);
  const replaced = '\tdep\tgo.etcd.io/etcd/api/v3\tv3.6.5\n\t=>\t../api\t(devel)\t\n';
  expect(searched('etcdctl', program(replaced))).toBe('3.6.5');
});

describe('the plan and its tools', () => {
  const plan = planOf({ servers: ['alive', 'lost', 'lost'] });

  test('the tools of a plan are next to it, or one level above, with the same bytes', () => {
    const { tools } = inspectTools(place({ ...release }));
    const planned = asPlanned(tools);
    const root = place(prefixed(`tools/${elsewhere}/`));
    expect(plannedTools(root, planned).diagnostics).toEqual([]);
    expect(plannedTools(join(root, 'tools'), planned).diagnostics).toEqual([]);
    writeFileSync(join(root, `tools/${elsewhere}/etcd`), program('other'));
    expect(plannedTools(root, planned).diagnostics.map(({ code }) => code)).toEqual(['TOOL009']);
    rmSync(join(root, `tools/${elsewhere}/etcd`));
    expect(plannedTools(root, planned).diagnostics.map(({ code }) => code)).toEqual(['TOOL009']);
  });

  test('a file that changes after it was checked is not carried', () => {
    const root = place({ ...release });
    const { tools } = inspectTools(root);
    expect([...toolFiles(tools)].map(({ path }) => path)).toContain(`tools/${elsewhere}/etcd`);
    writeFileSync(join(root, 'etcd'), program('other'));
    expect(() => [...toolFiles(tools)]).toThrow('was changed in the meantime');
  });

  test('plan.json without tools does not mention them; tools out of order are refused', () => {
    expect(planText(plan)).not.toContain('"tools"');
    const tools = asPlanned(inspectTools(place({ ...release })).tools);
    expect(readPlan(planText(signed({ ...plan, tools })), 'plan.json').ok).toBe(true);
    const wrong = readPlan(planText(signed({ ...plan, tools: [...tools].reverse() })), 'plan.json');
    expect(wrong.ok).toBe(false);
    expect(readPlan(planText(signed({ ...plan, tools: [] })), 'plan.json').ok).toBe(false);
    // Another tool in the plan, with the old digest of the plan.
    expect(readPlan(planText({ ...plan, tools }), 'plan.json').ok).toBe(false);
  });
});

test('the bytes of a tool are those of its file', () => {
  const root = place({ ...release });
  for (const { path, bytes, mode } of toolFiles(inspectTools(root).tools)) {
    expect(mode).toBe(0o755);
    expect(Buffer.from(bytes)).toEqual(readFileSync(join(root, path.split('/')[2] ?? '')));
  }
});

// plan choose: the inventory with the choice in it, and the bundle of the chosen host.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test, vi } from 'vitest';
import { type ChooseRequest, choose } from '../../compiler/choose.ts';
import { compile } from '../../compiler/compile.ts';
import { evidenceOf, type Special, snapshotOf } from './evidence/evidence.ts';
import { inventoryText, type World } from './world.ts';

vi.setConfig({ testTimeout: 120_000 });

const room = mkdtempSync(join(tmpdir(), 'choose-'));
afterAll(() => rmSync(room, { recursive: true }));

const checks = { enabled: false, shellcheck: null, required: false, progress: () => undefined };
const now = Date.parse('2026-11-03T10:10:00Z') / 1000;

/** Writes the files, chooses, and says what came of it. */
async function chosen(
  special: Readonly<Record<string, Special>>,
  world: World,
  changed: Partial<ChooseRequest> = {},
) {
  const folder = mkdtempSync(join(room, 'case-'));
  const files = Object.entries(special).map(([host, words]) => {
    const file = join(folder, `evidence-${host}.json`);
    writeFileSync(file, JSON.stringify(evidenceOf(host, words)));
    return file;
  });
  const inventory = join(folder, 'inventory.json');
  writeFileSync(inventory, inventoryText(world));
  const out = join(folder, 'bundle');
  const destination = { directory: out, compareOnly: false };
  const request = { lost: [], without: [], strict: false, now, destination, ...changed };
  const found = await choose(files, inventory, request, checks);
  return { ...found, out, codes: found.diagnostics.map(({ code }) => code) };
}

const world: World = { servers: ['alive', 'alive', 'lost', 'lost', 'lost'] };
const two = { 's-1': { revision: 100 }, 's-2': { revision: 300 } };

test('the bundle is for the host that holds the most, and says why', async () => {
  const { exit, codes, result, out } = await chosen(two, world);
  expect([exit, codes, result?.comparison.host]).toEqual([0, [], 's-2']);
  const plan = JSON.parse(readFileSync(join(out, 'plan.json'), 'utf8'));
  expect(plan.recovery).toMatchObject({
    host: 's-2',
    chosen: 'named',
    because: 'it holds the most of the hosts compared, revision 300, raft index 350 (s-1 100)',
  });
  expect(readFileSync(join(out, 'RUNBOOK.md'), 'utf8')).toContain('s-2: it holds the most');
  // Its inventory gives the same bundle again.
  const destination = { directory: out, compareOnly: true };
  const again = await compile(
    join(out, 'inventory.json'),
    { lost: [], strict: false, destination },
    checks,
  );
  expect([again.exit, again.result?.state]).toEqual([0, 'same']);
});

test('without --out nothing is written', async () => {
  const { exit, result } = await chosen(two, world, { destination: null });
  expect([exit, result?.comparison.host, result?.bundle]).toEqual([0, 's-2', null]);
});

test('an inventory that names another recovery host is overruled, with a warning', async () => {
  const named = { ...world, recovery: { host: 's-1', because: 'it is nearer' } };
  const { exit, codes, out } = await chosen(two, named);
  expect([exit, codes]).toEqual([0, ['EVD003']]);
  const { recovery } = JSON.parse(readFileSync(join(out, 'inventory.json'), 'utf8'));
  expect(recovery.host).toBe('s-2');
  expect(recovery.because).toMatch(/^it holds the most/u);
});

test('a snapshot that holds more than every host is restored', async () => {
  const absent = { state: 'absent' } as const;
  const { exit, out } = await chosen(
    { 's-1': { data: absent, etcd: 'closed', snapshots: [snapshotOf(80)] } },
    world,
    { without: ['s-2'] },
  );
  expect(exit).toBe(0);
  const { recovery } = JSON.parse(readFileSync(join(out, 'inventory.json'), 'utf8'));
  expect(recovery).toMatchObject({
    host: 's-1',
    snapshot: { source: 'freshest', path: '/backup/s.db', sha256: null },
  });
});

test('contradictions are errors, and no bundle is written', async () => {
  const { exit, codes, result } = await chosen({ 's-1': {}, 's-2': { ca: 'd' } }, world);
  expect([exit, codes]).toEqual([1, ['EVD001']]);
  expect(result?.bundle).toBeNull();
});

test.each([
  ['another name', { 's-1': { cluster: 'other' } }, world],
  ['no such host', two, { servers: ['alive'], clients: ['alive'] } as World],
])('evidence of another cluster: %s', async (_, special, inventory) => {
  const { exit, codes } = await chosen(special, inventory);
  expect(exit).toBe(1);
  expect(codes).toContain(inventory === world ? 'EVD002' : 'INV034');
});

test('what cannot be read, and an inventory with errors', async () => {
  const request = { lost: [], without: [], strict: false, now, destination: null };
  const none = await choose(['/nonexistent/e.json'], '/nonexistent/i.json', request, checks);
  expect([none.exit, none.diagnostics.map(({ code }) => code)]).toEqual([2, ['BUN001', 'BUN001']]);
  const { exit, codes } = await chosen(two, world, { lost: ['nobody'] });
  expect([exit, codes.length > 0]).toEqual([1, true]);
});

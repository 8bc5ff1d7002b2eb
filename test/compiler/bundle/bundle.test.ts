import { describe, expect, test } from 'vitest';
import { bundle, planBundle, readManifest } from '../../../compiler/bundle/bundle.ts';
import { planAll } from '../../../compiler/compile.ts';
import { loadTemplates } from '../../../compiler/emit/templates.ts';
import { executionOrder } from '../../../compiler/plan/order.ts';
import { sha256 } from '../../../compiler/sha256.ts';
import { inventoryOf, inventoryText, planOf, type World } from '../world.ts';

const templates = loadTemplates();
const declared: World = { servers: ['alive', 'returning', 'returning'] };

test('a bundle: plan, inventory, runbook, scripts, sums last', () => {
  const files = [...bundle([planOf(declared)], inventoryText(declared), templates)];
  const order = executionOrder(planOf(declared)).map(({ path }) => path);
  const asides = planOf(declared).asides.map(({ path }) => path);
  expect(files.map(({ path }) => path)).toEqual([
    ...['plan.json', 'inventory.json', 'RUNBOOK.md', 'RUNBOOK.html'],
    ...order,
    ...asides,
    ...['recover.sh', 'triage.sh', 'REVIEW.md', 'review.sh'],
    'SHA256SUMS',
  ]);
  expect(files.at(-1)?.path).toBe('SHA256SUMS');
  for (const { path, mode } of files) expect(mode).toBe(path.endsWith('.sh') ? 0o755 : 0o644);
});

test('the sums are those of the files, sorted by path, in the form of coreutils', () => {
  const files = [...bundle([planOf(declared)], inventoryText(declared), templates)];
  const sums = files.at(-1)?.text ?? '';
  const read = readManifest(sums) ?? [];
  const texts = new Map(files.map(({ path, text }) => [path, text]));
  expect(read).toHaveLength(files.length - 1);
  for (const { path, sha256: sum } of read) expect(sum).toBe(sha256(texts.get(path) ?? ''));
  expect(read.map(({ path }) => path)).toEqual(read.map(({ path }) => path).sort());
});

test('before an incident: a folder for each candidate, which is a complete bundle', () => {
  const inventory = inventoryOf({ servers: ['-', '-'] });
  const text = inventoryText({ servers: ['-', '-'] });
  const plans = planAll(inventory);
  const files = [...bundle(plans, text, templates)];
  expect(files.map(({ path }) => path).filter((path) => !path.includes('/'))).toEqual([
    'README.md',
    'inventory.json',
    'triage.sh',
    'REVIEW.md',
    'review.sh',
    'SHA256SUMS',
  ]);
  for (const plan of plans) {
    const folder = `${plan.recovery.host}/`;
    const inside = files
      .filter(({ path }) => path.startsWith(folder))
      .map((file) => ({ ...file, path: file.path.slice(folder.length) }));
    expect(inside).toEqual([...planBundle(plan, text, templates)]);
  }
});

test('line ends of the inventory do not reach the bundle', () => {
  const text = inventoryText(declared);
  const copy = (given: string) =>
    [...bundle([planOf(declared)], given, templates)].find(({ path }) => path === 'inventory.json');
  expect(copy(text.replaceAll('\n', '\r\n'))).toEqual(copy(`${text}\n`));
});

describe('a manifest is not believed', () => {
  const sum = 'a'.repeat(64);
  test.each([
    ['nothing', ''],
    ['no line end', `${sum}  a`],
    ['an absolute path', `${sum}  /etc/passwd\n`],
    ['a way out', `${sum}  a/../../b\n`],
    ['an empty component', `${sum}  a//b\n`],
    ['another sum', `${sum.slice(1)}  a\n`],
    ['binary mode', `${sum} *a\n`],
  ])('%s', (_, text) => {
    expect(readManifest(text)).toBeNull();
  });

  test('else it is', () => {
    expect(readManifest(`${sum}  a b/c.sh\n`)).toEqual([{ path: 'a b/c.sh', sha256: sum }]);
  });
});

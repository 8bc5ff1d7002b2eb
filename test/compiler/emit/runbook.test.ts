import { expect, test } from 'vitest';
import { planAll } from '../../../compiler/compile.ts';
import { emitChoice, emitRunbook } from '../../../compiler/emit/runbook.ts';
import { loadTemplates } from '../../../compiler/emit/templates.ts';
import { executionOrder } from '../../../compiler/plan/order.ts';
import { inventoryOf, planOf, type World } from '../world.ts';

const templates = loadTemplates();
const mixed: World = {
  servers: ['alive', 'returning', 'replaced', 'gone', 'lost'],
  clients: ['alive', 'lost'],
};

function runbook(world: World): string {
  return emitRunbook(planOf(world), templates);
}

test('every script of the expected way has its section and its boxes, in order', () => {
  const text = runbook(mixed);
  const way = executionOrder(planOf(mixed)).filter((turn) => turn.when === 'always');
  const sections = [...text.matchAll(/^### [0-9]+\. `(.+)`$/gmu)].map(([, path]) => path);
  expect(sections).toEqual(way.map(({ path }) => path));
  for (const { path } of way) {
    expect(text).toContain(`- [ ] look: \`bash ${path}\`\n- [ ] act: \`bash ${path} --apply\``);
  }
});

test('every other script is named too, where it belongs', () => {
  const text = runbook(mixed);
  const plan = planOf(mixed);
  const others = executionOrder(plan).filter((turn) => turn.when !== 'always');
  for (const { path } of [...others, ...plan.asides]) expect(text).toContain(`\`${path}\``);
});

test('the fragile moment is said once, at the first host that comes back', () => {
  const text = runbook(mixed);
  expect(text.match(/The fragile moment/gu)).toHaveLength(1);
  const section = text.slice(text.indexOf('5-phase-6-reattach/01-s-2.sh`\n'));
  expect(section.indexOf('The fragile moment')).toBeLessThan(section.indexOf('\n### '));
});

test.each<readonly [string, Readonly<Record<string, unknown>>, RegExp]>([
  ['rewrite skipped', { rewriteMembership: 'skip' }, /The proof on loopback is skipped/u],
  ['no token window', { tokenWindow: 0 }, /restart each of them after phase 4/u],
  ['no bump', { revisionBump: 'none' }, /Revisions are not raised/u],
  ['the guide', { rejoin: 'guide' }, /stops its Postgres/u],
  ['all at once', { restart: 'all-at-once' }, /restarts all hosts at once/u],
  ['none', { restart: 'none' }, /restarts nothing/u],
])('a choice says what it costs: %s', (_, recovery, words) => {
  expect(runbook({ ...mixed, recovery })).toMatch(words);
  expect(runbook(mixed)).not.toMatch(words);
});

test('the arithmetic, the fences, the way back and the sums are there', () => {
  const text = runbook(mixed);
  expect(text).toContain('N=5, quorum 3; lost 4, alive 1 < 3: lost');
  expect(text).toContain('- [ ] s-4 (10.0.1.4) stays off, or cut off, until its own script is run');
  expect(text).toContain('`undo/s-1.sh`');
  expect(text).toContain('sha256sum --quiet -c SHA256SUMS');
  expect(text).toContain('sequenceDiagram');
});

test('no picture nobody could read', () => {
  const many = { ...mixed, clients: Array.from({ length: 80 }, () => 'alive' as const) };
  expect(runbook(many)).not.toContain('mermaid');
});

test('before an incident the page tells the folders apart', () => {
  const plans = planAll(inventoryOf({ servers: ['-', '-', '-', '-'] }));
  const text = emitChoice(plans, templates);
  expect(text).toContain('| s-3 | 10.0.1.3 | `s-3/RUNBOOK.md` | `s-3/1-phase-1-prepare/s-3.sh` |');
  expect(text).toContain('fewer than 3 of the 4 server hosts');
});

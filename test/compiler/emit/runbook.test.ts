import { expect, test } from 'vitest';
import { planAll } from '../../../compiler/compile.ts';
import { emitChoice, emitRunbook, runbookView } from '../../../compiler/emit/runbook.ts';
import { loadTemplates } from '../../../compiler/emit/templates.ts';
import { executionOrder } from '../../../compiler/plan/order.ts';
import { inventoryOf, planOf, type World } from '../world.ts';

const templates = loadTemplates();
const mixed: World = {
  servers: ['alive', 'returning', 'replaced', 'gone', 'lost'],
  clients: ['alive', 'lost'],
};

function runbook(world: World): string {
  return emitRunbook(runbookView(planOf(world), templates), templates);
}

test('every script of the expected way has its section and its boxes, in order', () => {
  const text = runbook(mixed);
  const way = executionOrder(planOf(mixed)).filter((turn) => turn.when === 'always');
  const sections = [...text.matchAll(/^### `(.+)`$/gmu)].map(([, path]) => path);
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
  expect(text).toMatch(
    /^\| `if-needed\/02-remove-s-5-on-s-1\.sh` .* \| `08-remove-s-4-on-s-1\.sh` \| `09-join-on-s-3\.sh` \|$/mu,
  );
});

test('the fragile moment is said once, at the first host that comes back', () => {
  const text = runbook(mixed);
  expect(text.match(/The fragile moment/gu)).toHaveLength(1);
  const section = text.slice(text.indexOf('05-reattach-on-s-2.sh`\n'));
  expect(section.indexOf('The fragile moment')).toBeLessThan(section.indexOf('\n### '));
});

test.each<readonly [string, Readonly<Record<string, unknown>>, RegExp]>([
  ['rewrite skipped', { rewriteMembership: 'skip' }, /The trial start on loopback is skipped/u],
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
  expect(text).toContain(
    '- [ ] s-4 (10.0.1.4) stays off or disconnected until you run its own script',
  );
  expect(text).toContain('`undo/undo-on-s-1.sh`');
  expect(text).toContain('sha256sum --quiet -c SHA256SUMS');
});

test('a host that never returns, hosts that stay off, and another loss have their sections', () => {
  const text = runbook(mixed);
  expect(text).toContain(
    '| s-5 | `if-needed/02-remove-s-5-on-s-1.sh` | `if-needed/06-join-on-s-5.sh` |',
  );
  expect(text).toContain('| s-4 | `08-remove-s-4-on-s-1.sh` | add it as a new host |');
  expect(text).toContain('## Hosts that must stay off');
  expect(text).toContain('run the first script again: `01-prepare-on-s-1.sh`');
  expect(text).not.toContain('--incident');
  expect(text).not.toContain('the freshest there are');
});

test('a section has what is needed at its script: last line, duration, and if nobody comes', () => {
  const text = runbook(mixed);
  const section = (number: number) =>
    text.slice(text.indexOf(`### \`0${number}-`), text.indexOf(`### \`0${number + 1}-`));
  expect(section(1)).toContain('- Last line: `Next: 02-restore-on-s-1.sh here on s-1`\n');
  expect(section(3)).toContain('Typical duration: 17 to 32 s, of which the token window is 12 s.');
  expect(section(4)).toContain('Guide phase 4, Start the recovery host: 4.1 4.2 4.3 4.4.');
  expect(section(4)).not.toContain('never returns');
  expect(section(5)).toContain('- If s-2 never returns: skip this script.');
  expect(text.match(/Typical duration: /gu)).toHaveLength(text.match(/^### /gmu)?.length ?? 0);
});

test('prerequisites come with versions and with the files that the inventory names', () => {
  const text = runbook({
    ...mixed,
    recovery: {
      snapshot: { source: 'saved', path: '/var/a b.db' },
      tools: { directory: '/opt/e' },
    },
  });
  expect(text).toContain('bash 4.4 or newer');
  expect(text).toContain('etcdutl 3.6, in `/opt/e`');
  expect(text).toContain('- s-1: the snapshot `/var/a b.db`\n');
});

test('a terminal shows everything: no picture', () => {
  expect(runbook(mixed)).not.toContain('mermaid');
});

test('before an incident the page names each folder', () => {
  const plans = planAll(inventoryOf({ servers: ['-', '-', '-', '-'] }));
  const text = emitChoice(plans, templates);
  expect(text).toContain('| s-3 | 10.0.1.3 | `s-3/RUNBOOK.md` | `s-3/01-prepare-on-s-3.sh` |');
  expect(text).toContain('fewer than 3 of the 4 server hosts');
});

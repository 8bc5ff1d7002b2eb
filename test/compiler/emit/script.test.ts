import { expect, test } from 'vitest';
import { emitScript } from '../../../compiler/emit/script.ts';
import { loadTemplates } from '../../../compiler/emit/templates.ts';
import type { Plan } from '../../../compiler/plan/ir.ts';
import { executionOrder } from '../../../compiler/plan/order.ts';
import { planOf, turnAt, type World } from '../world.ts';

const templates = loadTemplates();
const three: World = { servers: ['alive', 'returning', 'returning'] };

function script(plan: Plan, path: string): string {
  return emitScript(plan, turnAt(plan, path), templates).text;
}

/** The lines between two marks, without them. */
function between(text: string, from: string, to: string): string {
  const start = text.indexOf(from) + from.length;
  return text.slice(start, text.indexOf(to, start));
}

test('main reads like the guide', () => {
  const text = script(planOf(three), '2-phase-2-restore/s-1.sh');
  const main = between(text, '\nmain() {\n', '\n}\n');
  expect(main.split('\n').filter((line) => !/^ *(#|$)/u.test(line))).toEqual([
    '  start "$@"',
    "  need 'snapshot-verified' '' '1-phase-1-prepare/s-1.sh'",
    "  begin '2.1' 'Check that this host can be the recovery host'",
    '  check_recovery_host',
    "  begin '2.2' 'Set etcd/ aside, keep copies of certificates and configuration'",
    '  set_etcd_aside',
    "  begin '2.3' 'Restore the snapshot'",
    "  restore_snapshot '--bump-revision' '1000000000' '--mark-compacted'",
    "  begin '2.4' 'Give the restored data their owner, mode and label'",
    "  fix_ownership 'reference'",
    '  finish \\',
    "    'Next: 3-phase-3-rewrite/s-1.sh here on s-1'",
  ]);
});

test('a need names the script that brings it about: of the expected way, if one does', () => {
  const plan = planOf({ servers: ['alive', 'returning', 'replaced'], clients: ['alive'] });
  const text = script(plan, '8-phase-7-clients/01-c-1.sh');
  expect(text).toContain("  need 'quorum-reached' '' '5-phase-6-reattach/s-2.sh'\n");
  const told = script(plan, '7-phase-6-join/01-s-2.sh');
  expect(told).toContain("  need 'record-removed' 's-2' '6-phase-5-remove/01-s-2.sh'\n");
});

test('a script names the values it reads and no others', () => {
  const text = script(planOf(three), '1-phase-1-prepare/s-1.sh');
  const values = between(text, '# --- values', '\nmain() {');
  const named = [...values.matchAll(/^readonly (?:-a )?([A-Z_]+)=/gmu)].map(([, name]) => name);
  const rest = text.replace(values, '');
  const unread = named.filter((name) => !new RegExp(`\\b${name}\\b`, 'u').test(rest));
  expect(named).toContain('DEADLINE_STOP');
  expect(unread).toEqual([]);
});

test('IPv6 addresses stand in brackets in URLs, and nowhere else', () => {
  const plan = planOf(three);
  const host = plan.cluster.hosts[0];
  if (host === undefined) throw new Error('no host');
  const hosts = [{ ...host, addresses: ['2001:db8::1'] as const }, ...plan.cluster.hosts.slice(1)];
  const six = { ...plan, cluster: { ...plan.cluster, hosts } };
  const text = script(six, '4-phase-4-start/s-1.sh');
  expect(text).toContain("readonly RECOVERY_API='http://[2001:db8::1]:3000'");
  expect(text).toContain("readonly -a HOST_ADDRESSES=('2001:db8::1')");
});

test('what differs between two hosts of one kind stands in header, values and main', () => {
  const plan = planOf(three);
  const tail = (path: string) => {
    const text = script(plan, path);
    return text.slice(text.indexOf('# --- steps'));
  };
  expect(tail('5-phase-6-reattach/01-s-2.sh')).toBe(tail('5-phase-6-reattach/02-s-3.sh'));
});

test('the digest of a script changes with its own turn only', () => {
  const digest = (text: string) => /sha256:([0-9a-f]{64})/u.exec(text)?.[1];
  const before = planOf(three);
  const after = planOf({ ...three, recovery: { tokenWindow: 30 } });
  const path = '3-phase-3-rewrite/s-1.sh';
  expect(digest(script(before, path))).not.toBe(digest(script(after, path)));
  const other = '5-phase-6-reattach/01-s-2.sh';
  expect(script(before, other)).toBe(script(after, other));
});

test('a script carries a part of the library only where it calls it', () => {
  const plan = planOf({ servers: ['alive', 'lost'], clients: ['alive', 'replaced'] });
  const patterns = executionOrder(plan).map(({ path }) => {
    const text = script(plan, path);
    return templates.parts.map((part) => (text.includes(part) ? 'x' : '-')).join('');
  });
  expect(new Set(patterns).size).toBeGreaterThan(2);
  for (const column of templates.parts.keys()) {
    const carried = new Set(patterns.map((pattern) => pattern[column]));
    expect(carried).toEqual(new Set(['x', '-']));
  }
});

test('a template that is missing is named', () => {
  const plan = planOf(three);
  const [first] = executionOrder(plan);
  if (first === undefined) throw new Error('no turn');
  const { 'prove-free': _, ...steps } = templates.steps;
  expect(() => emitScript(plan, first, { ...templates, steps })).toThrow(
    'templates/steps/prove-free.sh is missing',
  );
});

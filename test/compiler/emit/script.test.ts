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

test('the page reads like the guide', () => {
  const text = script(planOf(three), '02-restore-on-s-1.sh');
  const page = between(text, '\nguards() {\n', '\n# --- values\n');
  expect(page.split('\n').filter((line) => !/^ *(#|$)/u.test(line))).toEqual([
    "  need '01-prepare-on-s-1.sh' snapshot_verified",
    '  docker_is_local',
    '  data_directory',
    '  service_uses_data',
    '  records_agree',
    '  own_state',
    '  certificates_fit',
    '  recovery_is_current',
    '  others_are_quiet',
    '  service_is_stopped',
    '  rename_works',
    '}',
    'commands() {',
    "  begin '2.1' 'Check that this host can be the recovery host'",
    '  check_recovery_host',
    "  begin '2.2' 'Set etcd/ aside, keep copies of certificates and configuration'",
    '  set_etcd_aside',
    "  begin '2.3' 'Restore the snapshot'",
    "  restore_snapshot '--bump-revision' '1000000000' '--mark-compacted'",
    "  begin '2.4' 'Set owner, mode and label of the restored data'",
    "  fix_ownership 'reference'",
    "  begin '2.4' 'Move the restored data into place'",
    '  place_etcd',
    '  finish \\',
    "    'Next: 03-rewrite-on-s-1.sh here on s-1'",
    '}',
  ]);
});

test('a plan that skips the rewrite has a gap in the chain of scripts, and no shift', () => {
  const plan = planOf({ ...three, recovery: { rewriteMembership: 'skip' } });
  const chain = between(script(plan, '04-start-on-s-1.sh'), '\nreadonly -a CHAIN=(', ')');
  expect(chain.match(/'[^']*'/gu)).toEqual([
    "'01-prepare-on-s-1.sh'",
    "'02-restore-on-s-1.sh'",
    "'-'",
    "'04-start-on-s-1.sh'",
  ]);
});

test('the header says the phase, and of a script run only if needed between which it belongs', () => {
  const plan = planOf(three);
  const header = (path: string) =>
    between(script(plan, path), '#!', '\n# --- page').replace(/\n# +/gu, ' ');
  expect(header('if-needed/03-join-on-s-2.sh')).toContain(
    'when      only if a script or the runbook says so; after 06-reattach-on-s-3.sh, before 07-verify-on-s-1.sh guide',
  );
  expect(header('05-reattach-on-s-2.sh')).toContain(
    'guide     phase 6, Bring server hosts back: 6.1a',
  );
  expect(header('05-reattach-on-s-2.sh')).not.toContain('only if');
  expect(header('undo/undo-on-s-1.sh')).toContain('guide     2.2');
});

test('a need names the script that brings it about: of the expected way, if one does', () => {
  const plan = planOf({ servers: ['alive', 'returning', 'replaced'], clients: ['alive'] });
  const text = script(plan, '08-start-client-c-1-on-s-1.sh');
  expect(text).toContain("  need '05-reattach-on-s-2.sh' quorum_reached\n");
  const join = script(plan, 'if-needed/03-join-on-s-2.sh');
  expect(join).toContain("  need 'if-needed/01-remove-s-2-on-s-1.sh' record_removed 's-2'\n");
});

test('a script names the values it reads and no others', () => {
  const text = script(planOf(three), '01-prepare-on-s-1.sh');
  const values = between(text, '# --- values', '\n# --- functions');
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
  const text = script(six, '04-start-on-s-1.sh');
  expect(text).toContain("readonly RECOVERY_API='http://[2001:db8::1]:3000'");
  expect(text).toContain("readonly -a HOST_ADDRESSES=('2001:db8::1')");
});

test('what differs between two hosts of one kind stands in header, values and main', () => {
  const plan = planOf(three);
  const tail = (path: string) => {
    const text = script(plan, path);
    return text.slice(text.indexOf('# --- functions'));
  };
  expect(tail('05-reattach-on-s-2.sh')).toBe(tail('06-reattach-on-s-3.sh'));
});

test('another inventory changes a script of another turn in its folder on the host only', () => {
  const digest = (text: string) => /sha256:([0-9a-f]{64})/u.exec(text)?.[1];
  const withoutPlan = (text: string) =>
    text.replace(/^# {3}page .*$|^readonly CLUSTER_TOKEN=.*$/gmu, '');
  const before = planOf(three);
  const after = planOf({ ...three, recovery: { tokenWindow: 30 } });
  const path = '03-rewrite-on-s-1.sh';
  expect(digest(script(before, path))).not.toBe(digest(script(after, path)));
  const other = '05-reattach-on-s-2.sh';
  expect(withoutPlan(script(before, other))).toBe(withoutPlan(script(after, other)));
});

test('a script carries what it reaches, and the same engine as every other', () => {
  const plan = planOf({ servers: ['alive', 'lost'], clients: ['alive', 'replaced'] });
  const texts = [...executionOrder(plan), ...plan.asides].map(
    (turn) => emitScript(plan, turn, templates).text,
  );
  const engines = texts.map((text) => text.slice(text.indexOf('# --- engine')));
  expect(new Set(engines).size).toBe(1);
  const engine = engines[0] ?? '';
  for (const { name, text } of templates.pieces.filter(({ kind }) => kind === 'function')) {
    if (engine.includes(text)) continue;
    const carried = texts.filter((script) => script.includes(`\n${name}() `));
    // Called besides where it is defined, or not carried.
    const call = new RegExp(`(?<!\\w)${name}(?![\\w(])`, 'u');
    for (const script of carried) expect(script.replaceAll(text, '')).toMatch(call);
  }
});

test('a guard or step without a function is named', () => {
  const plan = planOf(three);
  const [first] = executionOrder(plan);
  if (first === undefined) throw new Error('no turn');
  const pieces = templates.pieces.filter(({ name }) => name !== 'prove_free');
  expect(() => emitScript(plan, first, { ...templates, pieces })).toThrow(
    'templates/ has no function prove_free',
  );
});

import { describe, expect, test } from 'vitest';
import { planText } from '../../../compiler/bundle/bundle.ts';
import { planDigest } from '../../../compiler/plan/digest.ts';
import { readPlan } from '../../../compiler/plan/read.ts';
import { planOf, type World } from '../world.ts';

const worlds: readonly World[] = [
  { servers: ['alive', 'returning', 'replaced', 'gone', 'lost'], clients: ['alive', 'replaced'] },
  { servers: ['-', '-', '-'] },
  { servers: ['alive', 'lost', 'lost'], recovery: { rejoin: 'guide', restart: 'all-at-once' } },
  {
    servers: ['replaced', 'returning'],
    clients: ['lost'],
    recovery: {
      snapshot: { source: 'raw', path: '/b/s.db' },
      owner: { user: 'root', group: '0' },
      revisionBump: 'none',
      tools: { directory: '/opt/etcd' },
    },
    swarm: { stackFile: '/root/s.yaml' },
  },
];

test.each(worlds)('a plan is read back as it was written', (world) => {
  const plan = planOf(world);
  expect(readPlan(planText(plan), 'plan.json')).toEqual({ ok: true, plan });
});

const text = planText(planOf({ servers: ['alive', 'returning', 'returning'] }));

test.each<readonly [string, string, string, RegExp]>([
  ['cut short', text.slice(0, -20), 'PLAN001', /JSON/],
  ['no object', '[]', 'PLAN002', /format is "none"/],
  ['another format', text.replace('plan/2', 'plan/9'), 'PLAN002', /"plan\/9"/],
  ['the format before', text.replace('plan/2', 'plan/1'), 'PLAN002', /not "plan\/2"/],
  ['a field too many', text.replace('"cluster":', '"extra": 1, "cluster":'), 'PLAN003', /extra/],
  ['a kind that is not there', text.replace('"wait-api"', '"wait-long"'), 'PLAN003', /kind/],
  [
    'a parameter of the wrong type',
    text.replace('"seconds": 12', '"seconds": "12"'),
    'PLAN003',
    /params\.seconds/,
  ],
  [
    'a line feed in a title',
    text.replace('"Restore the snapshot"', '"Restore\\nrm -rf /"'),
    'PLAN003',
    /title/,
  ],
  [
    'a path out of the bundle',
    text.replace('"path": "02-restore-on-s-1.sh"', '"path": "../s-1.sh"'),
    'PLAN003',
    /path/,
  ],
  [
    'two scripts in one place',
    text.replace('"order": 3', '"order": 2'),
    'PLAN003',
    /03-rewrite-on-s-1\.sh: not in the order of execution/,
  ],
  [
    'a path that sorts in another place',
    text.replace('"path": "02-restore-on-s-1.sh"', '"path": "05-restore-on-s-1.sh"'),
    'PLAN003',
    /03-rewrite-on-s-1\.sh: not in the order of execution/,
  ],
  [
    'a host that is not there',
    text.replace('"subject": "s-2"', '"subject": "s-9"'),
    'PLAN003',
    /not there/,
  ],
  [
    'a need nobody meets',
    text.replace('"fact": "snapshot-verified"', '"fact": "closed"'),
    'PLAN004',
    /needs/,
  ],
])('refused: %s', (_, given, code, what) => {
  const read = readPlan(given, 'plan.json');
  if (read.ok) throw new Error('not refused');
  expect(read.diagnostics.map((each) => each.code)).toContain(code);
  expect(read.diagnostics.map((each) => each.what).join('\n')).toMatch(what);
});

// biome-ignore lint/suspicious/noExplicitAny: JSON that is edited
type Json = any;

/** Edits a plan as JSON; and states the new digest, as a careful hand would. */
function edited(edit: (plan: Json) => void, signed: boolean): readonly string[] {
  const plan = JSON.parse(text);
  edit(plan);
  if (signed) plan.digest = planDigest(plan);
  const read = readPlan(JSON.stringify(plan), 'plan.json');
  return read.ok ? [] : read.diagnostics.map(({ code, what }) => `${code} ${what}`);
}

const steps = (plan: Json) =>
  plan.phases.flatMap((phase: Json) => phase.turns.flatMap((turn: Json) => turn.steps));

describe('a plan cannot be edited by hand and then emitted', () => {
  test.each<readonly [string, (plan: Json) => void, RegExp]>([
    [
      'a host taken out of the fence list',
      (plan) =>
        steps(plan)
          .find((step: Json) => step.kind === 'fence-hosts')
          .params.hosts.pop(),
      /PLAN007 phases\[0\].*fence|PLAN007 phases\[0\].*hosts/,
    ],
    [
      'a data directory of /',
      (plan) => {
        for (const host of plan.cluster.hosts) host.dataDirectory = '/';
      },
      /PLAN006 .*dataDirectory.*INV010/,
    ],
    ['a step removed', (plan) => plan.phases[7].turns[0].steps.shift(), /PLAN007 phases\[7\]/],
    ['a script removed', (plan) => plan.asides.pop(), /PLAN007 asides/],
    [
      'another address',
      (plan) => {
        plan.cluster.hosts[1].addresses = [plan.cluster.hosts[2].addresses[0]];
      },
      /PLAN006 .*INV021/,
    ],
    [
      'an option',
      (plan) => {
        plan.recovery.tokenWindow = 13;
      },
      /PLAN007 inventory /,
    ],
    [
      'the reason for the recovery host',
      (plan) => {
        plan.recovery.because = 'because';
      },
      /PLAN007 recovery\.because /,
    ],
    [
      'a note',
      (plan) => {
        plan.cluster.notes = 'no need to review';
      },
      /PLAN007 inventory /,
    ],
    [
      'the inventory it belongs to',
      (plan) => {
        plan.inventory = plan.inventory.replaceAll('a', 'b').replaceAll('1', '2');
      },
      /PLAN007 inventory /,
    ],
  ])('%s', (_, edit, want) => {
    expect(edited(edit, true).join('\n')).toMatch(want);
    expect(edited(edit, true).join('\n')).not.toContain('PLAN005');
    expect(edited(edit, false).join('\n')).toMatch(/^PLAN005 the plan states digest/u);
  });

  test('another version of plan: the message says which one to use', () => {
    const plan = JSON.parse(text);
    plan.compiler = '9.9.9';
    plan.phases[7].turns[0].steps.shift();
    plan.digest = planDigest(plan);
    const read = readPlan(JSON.stringify(plan), 'plan.json');
    if (read.ok) throw new Error('not refused');
    expect(read.diagnostics[0]?.remedy).toContain('compiled by plan 9.9.9');
  });
});

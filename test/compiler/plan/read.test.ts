import { expect, test } from 'vitest';
import { planText } from '../../../compiler/bundle/bundle.ts';
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
  ['another format', text.replace('plan/1', 'plan/2'), 'PLAN002', /"plan\/2"/],
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

import { expect, test } from 'vitest';
import { guideRows } from '../../../compiler/plan/guide.ts';
import type { Plan } from '../../../compiler/plan/ir.ts';
import { planOf, type World } from '../world.ts';

const worlds: readonly (readonly [string, World])[] = [
  ['three servers', { servers: ['alive', 'returning', 'returning'] }],
  [
    'clients, and every way',
    {
      servers: ['alive', 'returning', 'replaced', 'gone', 'lost'],
      clients: ['alive', 'lost', 'replaced'],
    },
  ],
  [
    'the guide',
    { servers: ['alive', 'lost', 'lost'], recovery: { rejoin: 'guide', restart: 'none' } },
  ],
  ['two servers', { servers: ['alive', 'returning'] }],
  [
    'a single server',
    {
      servers: ['replaced'],
      recovery: { snapshot: { source: 'saved', path: '/b/s.db' } },
      swarm: { stackFile: '/root/s.yaml' },
    },
  ],
  ['everything else gone', { servers: ['alive', 'gone', 'gone'], clients: ['gone'] }],
  [
    'nothing rewritten',
    { servers: ['alive', 'lost'], recovery: { rewriteMembership: 'skip', tokenWindow: 0 } },
  ],
  ['undeclared', { servers: ['-', '-', '-'], clients: ['-'] }],
];

test.each(worlds)('no step of the guide is missing without a reason: %s', (_, world) => {
  const silent = guideRows(planOf(world)).filter(
    ({ scripts, because }) => scripts.length === 0 && because.length === 0,
  );
  expect(silent.map(({ guide }) => guide)).toEqual([]);
});

test('all thirty-two steps, in the order of the guide', () => {
  const rows = guideRows(planOf({ servers: ['alive', 'returning', 'returning'] }));
  const guide = rows.map((row) => row.guide);
  expect(guide).toHaveLength(32);
  expect(guide).toEqual([...guide].sort());
});

test('a step that is lost from a plan shows as missing', () => {
  const plan = planOf({ servers: ['alive', 'returning', 'returning'] });
  const robbed: Plan = {
    ...plan,
    phases: plan.phases.map((phase) =>
      phase.number === 4
        ? {
            ...phase,
            turns: phase.turns.map((turn) => ({ ...turn, steps: [turn.steps[0]] })) as never,
          }
        : phase,
    ),
  };
  const silent = guideRows(robbed).filter((row) => row.scripts.length + row.because.length === 0);
  expect(silent.map(({ guide }) => guide)).toEqual(['4.2', '4.3', '4.4']);
});

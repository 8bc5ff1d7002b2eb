import { describe, expect, test } from 'vitest';
import { planAll } from '../../../compiler/compile.ts';
import { executionOrder } from '../../../compiler/plan/order.ts';
import { inventoryOf, planOf, shortly, turnAt, type World } from '../world.ts';

type TestCase = readonly [string, { readonly given: World; readonly want: readonly string[] }];

const paths: readonly TestCase[] = [
  [
    'two of three return with their disks',
    {
      given: { servers: ['alive', 'returning', 'returning'] },
      want: [
        '1-phase-1-prepare/s-1.sh',
        '2-phase-2-restore/s-1.sh',
        '3-phase-3-rewrite/s-1.sh',
        '4-phase-4-start/s-1.sh',
        '5-phase-6-reattach/01-s-2.sh',
        '5-phase-6-reattach/02-s-3.sh',
        '?6-phase-5-remove/01-s-2.sh',
        '?6-phase-5-remove/02-s-3.sh',
        '?7-phase-6-join/01-s-2.sh',
        '?7-phase-6-join/02-s-3.sh',
        '9-phase-8-verify/s-1.sh',
      ],
    },
  ],
  [
    'one replaced, one gone',
    {
      given: { servers: ['alive', 'replaced', 'gone'] },
      want: [
        '1-phase-1-prepare/s-1.sh',
        '2-phase-2-restore/s-1.sh',
        '3-phase-3-rewrite/s-1.sh',
        '4-phase-4-start/s-1.sh',
        '6-phase-5-remove/01-s-2.sh',
        '6-phase-5-remove/02-s-3.sh',
        '7-phase-6-join/s-2.sh',
        '9-phase-8-verify/s-1.sh',
      ],
    },
  ],
  [
    'the way of the guide',
    {
      given: { servers: ['alive', 'returning', 'gone'], recovery: { rejoin: 'guide' } },
      want: [
        '1-phase-1-prepare/s-1.sh',
        '2-phase-2-restore/s-1.sh',
        '3-phase-3-rewrite/s-1.sh',
        '4-phase-4-start/s-1.sh',
        '5-phase-5-remove/01-s-2.sh',
        '5-phase-5-remove/02-s-3.sh',
        '6-phase-6-join/s-2.sh',
        '8-phase-8-verify/s-1.sh',
      ],
    },
  ],
  [
    'clients in every state',
    {
      given: { servers: ['lost', 'alive', 'lost'], clients: ['alive', 'replaced', 'gone', 'lost'] },
      want: [
        '1-phase-1-prepare/s-2.sh',
        '2-phase-2-restore/s-2.sh',
        '3-phase-3-rewrite/s-2.sh',
        '4-phase-4-start/s-2.sh',
        '5-phase-6-reattach/01-s-1.sh',
        '5-phase-6-reattach/02-s-3.sh',
        '?6-phase-5-remove/01-s-1.sh',
        '?6-phase-5-remove/02-s-3.sh',
        '?6-phase-5-remove/03-c-1.sh',
        '6-phase-5-remove/04-c-2.sh',
        '6-phase-5-remove/05-c-3.sh',
        '?6-phase-5-remove/06-c-4.sh',
        '?7-phase-6-join/01-s-1.sh',
        '?7-phase-6-join/02-s-3.sh',
        '8-phase-7-clients/01-c-1.sh',
        '?8-phase-7-clients/02-c-1-clear.sh',
        '?8-phase-7-clients/03-c-1-join.sh',
        '8-phase-7-clients/04-c-2-clear.sh',
        '8-phase-7-clients/05-c-2-join.sh',
        '8-phase-7-clients/06-c-4.sh',
        '?8-phase-7-clients/07-c-4-clear.sh',
        '?8-phase-7-clients/08-c-4-join.sh',
        '9-phase-8-verify/s-2.sh',
      ],
    },
  ],
  [
    'a single server',
    {
      given: {
        servers: ['replaced'],
        recovery: { snapshot: { source: 'saved', path: '/b/s.db' } },
        swarm: { stackFile: '/root/s.yaml' },
      },
      want: [
        '1-phase-1-prepare/s-1.sh',
        '2-phase-2-restore/s-1.sh',
        '3-phase-3-rewrite/s-1.sh',
        '4-phase-4-start/s-1.sh',
        '9-phase-8-verify/s-1.sh',
      ],
    },
  ],
];

test.each(paths)('scripts in their order: %s', (_, { given, want }) => {
  const turns = executionOrder(planOf(given));
  expect(turns.map((turn) => (turn.when === 'if-told' ? '?' : '') + turn.path)).toEqual(want);
});

const kinds: readonly (readonly [string, World, string, string])[] = [
  [
    'salvage where the host has its data',
    { servers: ['alive', 'lost', 'lost'] },
    '1-phase-1-prepare/s-1.sh',
    'revive-swarm stop-services stop-container fence-hosts prove-free ' +
      'salvage-snapshot choose-snapshot verify-snapshot',
  ],
  [
    'no salvage where a saved snapshot is asked for',
    {
      servers: ['alive', 'lost', 'lost'],
      recovery: { snapshot: { source: 'saved', path: '/b/s.db' } },
    },
    '1-phase-1-prepare/s-1.sh',
    'revive-swarm stop-services stop-container fence-hosts prove-free ' +
      'choose-snapshot verify-snapshot',
  ],
  [
    'a total loss begins with a new Swarm',
    {
      servers: ['replaced', 'returning'],
      recovery: { snapshot: { source: 'freshest', path: '/b/s.db' } },
      swarm: { stackFile: '/root/s.yaml' },
    },
    '1-phase-1-prepare/s-1.sh',
    'init-swarm deploy-stack place-service stop-services stop-container fence-hosts prove-free ' +
      'choose-snapshot verify-snapshot',
  ],
  [
    'after a total loss a host that returns is placed anew',
    {
      servers: ['replaced', 'returning'],
      recovery: { snapshot: { source: 'saved', path: '/b/s.db' } },
      swarm: { stackFile: '/root/s.yaml' },
    },
    '5-phase-6-reattach/s-2.sh',
    'return-to-swarm place-service check-reattachable stop-services stop-container ' +
      'clear-for-reattach drop-stale-member start-reattached prove-voter',
  ],
  [
    'phase 3 without its parts still looks and mends ownership',
    {
      servers: ['alive', 'lost', 'lost'],
      recovery: { rewriteMembership: 'skip', tokenWindow: 0 },
    },
    '3-phase-3-rewrite/s-1.sh',
    'prove-free fix-ownership',
  ],
  [
    'only clients that may be running are refreshed in phase 4',
    { servers: ['alive', 'lost'], clients: ['alive', 'returning', 'replaced', 'lost'] },
    '4-phase-4-start/s-1.sh',
    'start-service wait-api check-endpoint prove-alone show-leftovers refresh-clients',
  ],
  [
    'a client is stopped before it is removed',
    { servers: ['alive', 'lost'], clients: ['gone'] },
    '6-phase-5-remove/02-c-1.sh',
    'stop-services state-threshold check-removable save-specs update-databases remove-record',
  ],
  [
    'a new machine enters the Swarm, and its old node leaves',
    { servers: ['alive', 'replaced'] },
    '7-phase-6-join/s-2.sh',
    'enter-swarm place-service retire-node check-joinable stop-services stop-container ' +
      'clear-for-join drop-stale-member start-service wait-uninitialised join-cluster prove-voter',
  ],
  [
    'all at once, as the guide has it',
    { servers: ['alive', 'lost'], recovery: { restart: 'all-at-once' } },
    '9-phase-8-verify/s-1.sh',
    'restart-all verify-hosts verify-databases verify-members close-recovery',
  ],
  [
    'no restart',
    { servers: ['alive', 'lost'], recovery: { restart: 'none' } },
    '9-phase-8-verify/s-1.sh',
    'verify-hosts verify-databases verify-members close-recovery',
  ],
];

test.each(kinds)('steps of a turn: %s', (_, given, path, want) => {
  expect(shortly(turnAt(planOf(given), path))).toBe(`${path}: ${want}`);
});

describe('what the plan says about itself', () => {
  test('an absence has its reason', () => {
    const plan = planOf({ servers: ['alive', 'gone', 'gone'] });
    const empty = plan.phases.flatMap((phase) => ('because' in phase ? [phase] : []));
    expect(empty.map(({ number, because }) => [number, because])).toEqual([
      [6, 'no other server host is expected back'],
      [7, 'no client host is expected back'],
    ]);
  });

  test('a target that can be reached: no more than the server hosts that are left', () => {
    const gone = planOf({ servers: ['alive', 'gone', 'gone'] });
    expect([gone.quorum.threshold, gone.quorum.target, gone.quorum.reachedBy]).toEqual([
      2,
      1,
      's-1',
    ]);
    const five = planOf({ servers: ['alive', 'returning', 'gone', 'replaced', 'gone'] });
    expect([five.quorum.target, five.quorum.reachedBy]).toEqual([3, 's-4']);
  });

  test('what is left out of phase 3 has its reason', () => {
    const plan = planOf({
      servers: ['alive', 'lost', 'lost'],
      recovery: { rewriteMembership: 'skip', tokenWindow: 0 },
    });
    expect(turnAt(plan, '3-phase-3-rewrite/s-1.sh').omits.map(({ guide }) => guide)).toEqual([
      '3.2',
      '3.2',
    ]);
  });

  test('no token window where nothing survives that could hold an old login', () => {
    const lost: World = {
      servers: ['replaced', 'returning', 'gone'],
      recovery: { snapshot: { source: 'saved', path: '/b/s.db' } },
      swarm: { stackFile: '/root/s.yaml' },
    };
    const window = (world: World) =>
      turnAt(planOf(world), '3-phase-3-rewrite/s-1.sh').steps.some(
        (step) => step.kind === 'token-window',
      );
    expect(window(lost)).toBe(false);
    expect(window({ ...lost, clients: ['alive'] })).toBe(true);
    expect(window({ servers: ['alive', 'returning', 'gone'] })).toBe(true);
  });

  test('hosts removed together are named together, the one removed only if told as well', () => {
    const plan = planOf({ servers: ['alive', 'replaced', 'gone', 'lost'] });
    const together = (path: string) =>
      turnAt(plan, path).steps.flatMap((step) =>
        step.kind === 'update-databases' ? step.params.together : [],
      );
    expect(together('6-phase-5-remove/01-s-2.sh')).toEqual(['s-3']);
    expect(together('6-phase-5-remove/03-s-4.sh')).toEqual(['s-2', 's-3']);
  });

  test('each script names the next: of its own host where told, else of the expected way', () => {
    const plan = planOf({ servers: ['alive', 'returning', 'returning'] });
    expect(turnAt(plan, '4-phase-4-start/s-1.sh').next).toEqual([
      'Next: 5-phase-6-reattach/01-s-2.sh on s-2 (10.0.1.2)',
    ]);
    expect(turnAt(plan, '3-phase-3-rewrite/s-1.sh').next).toEqual([
      'Next: 4-phase-4-start/s-1.sh here on s-1',
    ]);
    expect(turnAt(plan, '6-phase-5-remove/02-s-3.sh').next).toEqual([
      'Next: 7-phase-6-join/02-s-3.sh on s-3 (10.0.1.3)',
    ]);
    expect(turnAt(plan, '7-phase-6-join/01-s-2.sh').next).toEqual([
      'Next: 9-phase-8-verify/s-1.sh on s-1 (10.0.1.1)',
    ]);
  });

  test('before an incident there is a plan for each server host', () => {
    const plans = planAll(inventoryOf({ servers: ['-', '-', '-'], clients: ['-'] }));
    expect(plans.map((plan) => plan.name)).toEqual(['acme-s-1', 'acme-s-2', 'acme-s-3']);
    expect(plans.map((plan) => plan.quorum.verdict)).toEqual(['unknown', 'unknown', 'unknown']);
  });

  test('the verification does not insist on hosts of which nothing is declared', () => {
    const needs = (world: World) =>
      turnAt(planOf(world), '9-phase-8-verify/s-1.sh').steps.flatMap((step) =>
        step.needs.flatMap((need) => ('host' in need ? [need.host] : [])),
      );
    expect(new Set(needs({ servers: ['alive', 'lost', 'returning'] }))).toEqual(new Set(['s-3']));
    expect(needs({ servers: ['-', '-', '-'] })).toEqual([]);
  });
});

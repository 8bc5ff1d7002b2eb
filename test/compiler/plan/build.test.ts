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
        '01-prepare-on-s-1.sh',
        '02-restore-on-s-1.sh',
        '03-rewrite-on-s-1.sh',
        '04-start-on-s-1.sh',
        '05-reattach-on-s-2.sh',
        '06-reattach-on-s-3.sh',
        'if-needed/01-remove-s-2-on-s-1.sh',
        'if-needed/02-remove-s-3-on-s-1.sh',
        'if-needed/03-join-on-s-2.sh',
        'if-needed/04-join-on-s-3.sh',
        '07-verify-on-s-1.sh',
      ],
    },
  ],
  [
    'one replaced, one gone',
    {
      given: { servers: ['alive', 'replaced', 'gone'] },
      want: [
        '01-prepare-on-s-1.sh',
        '02-restore-on-s-1.sh',
        '03-rewrite-on-s-1.sh',
        '04-start-on-s-1.sh',
        '05-remove-s-2-on-s-1.sh',
        '06-remove-s-3-on-s-1.sh',
        '07-join-on-s-2.sh',
        '08-verify-on-s-1.sh',
      ],
    },
  ],
  [
    'the procedure of the guide',
    {
      given: { servers: ['alive', 'returning', 'gone'], recovery: { rejoin: 'guide' } },
      want: [
        '01-prepare-on-s-1.sh',
        '02-restore-on-s-1.sh',
        '03-rewrite-on-s-1.sh',
        '04-start-on-s-1.sh',
        '05-remove-s-2-on-s-1.sh',
        '06-remove-s-3-on-s-1.sh',
        '07-join-on-s-2.sh',
        '08-verify-on-s-1.sh',
      ],
    },
  ],
  [
    'clients in every state',
    {
      given: { servers: ['lost', 'alive', 'lost'], clients: ['alive', 'replaced', 'gone', 'lost'] },
      want: [
        '01-prepare-on-s-2.sh',
        '02-restore-on-s-2.sh',
        '03-rewrite-on-s-2.sh',
        '04-start-on-s-2.sh',
        '05-reattach-on-s-1.sh',
        '06-reattach-on-s-3.sh',
        'if-needed/01-remove-s-1-on-s-2.sh',
        'if-needed/02-remove-s-3-on-s-2.sh',
        'if-needed/03-remove-c-1-on-s-2.sh',
        '07-remove-c-2-on-s-2.sh',
        '08-remove-c-3-on-s-2.sh',
        'if-needed/04-remove-c-4-on-s-2.sh',
        'if-needed/05-join-on-s-1.sh',
        'if-needed/06-join-on-s-3.sh',
        '09-start-client-c-1-on-s-2.sh',
        'if-needed/07-clear-on-c-1.sh',
        'if-needed/08-join-client-c-1-on-s-2.sh',
        '10-clear-on-c-2.sh',
        '11-join-client-c-2-on-s-2.sh',
        '12-start-client-c-4-on-s-2.sh',
        'if-needed/09-clear-on-c-4.sh',
        'if-needed/10-join-client-c-4-on-s-2.sh',
        '13-verify-on-s-2.sh',
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
        '01-prepare-on-s-1.sh',
        '02-restore-on-s-1.sh',
        '03-rewrite-on-s-1.sh',
        '04-start-on-s-1.sh',
        '05-verify-on-s-1.sh',
      ],
    },
  ],
];

test.each(paths)('scripts in their order: %s', (_, { given, want }) => {
  const turns = executionOrder(planOf(given));
  expect(turns.map(({ path }) => path)).toEqual(want);
});

const kinds: readonly (readonly [string, World, string, string])[] = [
  [
    'salvage where the host has its data',
    { servers: ['alive', 'lost', 'lost'] },
    '01-prepare-on-s-1.sh',
    'revive-swarm stop-services stop-container fence-hosts prove-free ' +
      'salvage-snapshot choose-snapshot verify-snapshot',
  ],
  [
    'no salvage where a saved snapshot is asked for',
    {
      servers: ['alive', 'lost', 'lost'],
      recovery: { snapshot: { source: 'saved', path: '/b/s.db' } },
    },
    '01-prepare-on-s-1.sh',
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
    '01-prepare-on-s-1.sh',
    'init-swarm deploy-stack place-service stop-services stop-container fence-hosts prove-free ' +
      'choose-snapshot verify-snapshot',
  ],
  [
    'after a total loss a host that returns is placed on its new node',
    {
      servers: ['replaced', 'returning'],
      recovery: { snapshot: { source: 'saved', path: '/b/s.db' } },
      swarm: { stackFile: '/root/s.yaml' },
    },
    '05-reattach-on-s-2.sh',
    'return-to-swarm place-service check-reattachable stop-services stop-container ' +
      'clear-for-reattach drop-stale-member start-reattached prove-voter',
  ],
  [
    'phase 3 without its parts still looks and fixes ownership',
    {
      servers: ['alive', 'lost', 'lost'],
      recovery: { rewriteMembership: 'skip', tokenWindow: 0 },
    },
    '03-rewrite-on-s-1.sh',
    'prove-free fix-ownership',
  ],
  [
    'only clients that may be running are refreshed in phase 4',
    { servers: ['alive', 'lost'], clients: ['alive', 'returning', 'replaced', 'lost'] },
    '04-start-on-s-1.sh',
    'start-service wait-api check-endpoint prove-alone show-leftovers refresh-clients',
  ],
  [
    'a client is stopped before it is removed',
    { servers: ['alive', 'lost'], clients: ['gone'] },
    '06-remove-c-1-on-s-1.sh',
    'stop-services state-threshold check-removable save-specs update-databases remove-record',
  ],
  [
    'a new machine enters the Swarm, and its old node leaves',
    { servers: ['alive', 'replaced'] },
    '06-join-on-s-2.sh',
    'enter-swarm place-service retire-node check-joinable stop-services stop-container ' +
      'clear-for-join drop-stale-member start-service wait-uninitialised join-cluster prove-voter',
  ],
  [
    'all at once, as the guide has it',
    { servers: ['alive', 'lost'], recovery: { restart: 'all-at-once' } },
    '06-verify-on-s-1.sh',
    'restart-all verify-hosts verify-databases verify-members close-recovery',
  ],
  [
    'no restart',
    { servers: ['alive', 'lost'], recovery: { restart: 'none' } },
    '06-verify-on-s-1.sh',
    'verify-hosts verify-databases verify-members close-recovery',
  ],
];

test.each(kinds)('steps of a turn: %s', (_, given, path, want) => {
  expect(shortly(turnAt(planOf(given), path))).toBe(`${path}: ${want}`);
});

describe('what the plan says about itself', () => {
  test('an absence has its reason', () => {
    const plan = planOf({ servers: ['alive', 'gone', 'gone'] });
    const empty = plan.phases.filter(({ because }) => because !== null);
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
    expect(turnAt(plan, '03-rewrite-on-s-1.sh').omits.map(({ guide }) => guide)).toEqual([
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
      turnAt(planOf(world), '03-rewrite-on-s-1.sh').steps.some(
        (step) => step.kind === 'token-window',
      );
    expect(window(lost)).toBe(false);
    expect(window({ ...lost, clients: ['alive'] })).toBe(true);
    expect(window({ servers: ['alive', 'returning', 'gone'] })).toBe(true);
  });

  test('hosts removed together are named together, also the one that is removed only if needed', () => {
    const plan = planOf({ servers: ['alive', 'replaced', 'gone', 'lost'] });
    const together = (path: string) =>
      turnAt(plan, path).steps.flatMap((step) =>
        step.kind === 'update-databases' ? step.params.together : [],
      );
    expect(together('06-remove-s-2-on-s-1.sh')).toEqual(['s-3']);
    expect(together('if-needed/01-remove-s-4-on-s-1.sh')).toEqual(['s-2', 's-3']);
  });

  test('each script names the next: of its own host if it is an if-needed script, else the next expected one', () => {
    const plan = planOf({ servers: ['alive', 'returning', 'returning'] });
    expect(turnAt(plan, '04-start-on-s-1.sh').next).toEqual([
      'Next: 05-reattach-on-s-2.sh on s-2 (10.0.1.2)',
    ]);
    expect(turnAt(plan, '03-rewrite-on-s-1.sh').next).toEqual([
      'Next: 04-start-on-s-1.sh here on s-1',
    ]);
    expect(turnAt(plan, 'if-needed/02-remove-s-3-on-s-1.sh').next).toEqual([
      'Next: if-needed/04-join-on-s-3.sh on s-3 (10.0.1.3)',
    ]);
    expect(turnAt(plan, 'if-needed/03-join-on-s-2.sh').next).toEqual([
      'Next: 07-verify-on-s-1.sh on s-1 (10.0.1.1)',
    ]);
  });

  test('before an incident there is a plan for each server host', () => {
    const plans = planAll(inventoryOf({ servers: ['-', '-', '-'], clients: ['-'] }));
    expect(plans.map((plan) => plan.name)).toEqual(['acme-s-1', 'acme-s-2', 'acme-s-3']);
    expect(plans.map((plan) => plan.quorum.verdict)).toEqual(['unknown', 'unknown', 'unknown']);
  });

  test('the verification asks of every other host whether it is back or was removed', () => {
    const needs = (world: World) =>
      executionOrder(planOf(world))
        .at(-1)
        ?.steps.flatMap((step) =>
          step.needs.flatMap((need) => ('host' in need ? [`${need.fact} ${need.host}`] : [])),
        );
    expect(needs({ servers: ['alive', 'lost', 'gone', 'returning'], clients: ['lost'] })).toEqual([
      'member-back s-2',
      'record-removed s-3',
      'member-back s-4',
      'client-back c-1',
    ]);
    expect(needs({ servers: ['-', '-', '-'] })).toHaveLength(2);
  });
});

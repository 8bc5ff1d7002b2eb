// What holds for every inventory, tried on many.

import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bundle, planText } from '../compiler/bundle/bundle.ts';
import { planAll } from '../compiler/compile.ts';
import { loadTemplates, sh } from '../compiler/emit/templates.ts';
import type { HostState } from '../compiler/hosts.ts';
import { parse } from '../compiler/inventory/parse.ts';
import { brokenOrder } from '../compiler/plan/build.ts';
import type { Plan, Step, Turn } from '../compiler/plan/ir.ts';
import { executionOrder, factKey, firstBrokenNeed, placeOf } from '../compiler/plan/order.ts';
import { readPlan } from '../compiler/plan/read.ts';
import { steps } from '../compiler/steps/all.ts';
import { inventoryText, type World } from './compiler/world.ts';

const templates = loadTemplates();

const lostStates = ['returning', 'replaced', 'gone', 'lost'] as const;

/** Worlds whose quorum is lost, and worlds before an incident, with every choice of a recovery. */
const worlds: fc.Arbitrary<World> = fc
  .record({
    alive: fc.integer({ min: 1, max: 3 }),
    total: fc.boolean(),
    extra: fc.integer({ min: 0, max: 3 }),
    declared: fc.boolean(),
    states: fc.array(fc.constantFrom(...lostStates), { minLength: 8, maxLength: 8 }),
    clients: fc.array(fc.constantFrom<HostState>('alive', ...lostStates), { maxLength: 3 }),
    rejoin: fc.constantFrom('evidence', 'guide'),
    restart: fc.constantFrom('rolling', 'all-at-once', 'none'),
    rewriteMembership: fc.constantFrom('loopback', 'skip'),
    tokenWindow: fc.constantFrom(0, 12),
    revisionBump: fc.constantFrom<number | 'none'>('none', 7),
    source: fc.constantFrom('freshest', 'saved', 'raw'),
  })
  .map(({ alive, total, extra, declared, states, clients, source, ...choices }) => {
    const recovery = { ...choices, snapshot: { source, path: '/b/it is a "file".db' } };
    const swarm = { stackFile: '/root/stack file.yaml' };
    if (!declared) {
      const none = (many: number) => Array.from({ length: many }, () => '-' as const);
      return { servers: none(alive + extra), clients: none(clients.length), recovery, swarm };
    }
    if (total) {
      const servers: readonly HostState[] = ['replaced', ...states.slice(0, alive + extra)];
      return { servers, clients, recovery: { ...recovery, host: 's-1' }, swarm };
    }
    // One more lost than alive: less than half and one.
    const survivors = Array.from({ length: alive }, () => 'alive' as const);
    return { servers: [...survivors, ...states.slice(0, alive + extra)], clients, recovery, swarm };
  });

function plansOf(text: string): readonly Plan[] {
  const parsed = parse(text, 'world.json');
  if (!parsed.ok) throw new Error(parsed.diagnostics.map(({ what }) => what).join('; '));
  return planAll(parsed.inventory);
}

function everyPlan(check: (plan: Plan) => void, runs: number): void {
  fc.assert(
    fc.property(worlds, (world) => {
      for (const plan of plansOf(inventoryText(world))) check(plan);
    }),
    { numRuns: runs },
  );
}

test('the order of hosts in the inventory changes no byte but those of its copy', () => {
  const copies = /(^|\/)(inventory\.json|SHA256SUMS)$/u;
  const files = (text: string) =>
    [...bundle(plansOf(text), text, templates)].filter(({ path }) => !copies.test(path));
  fc.assert(
    fc.property(worlds, fc.integer(), (world, seed) => {
      const shuffled = inventoryText(
        world,
        (hosts) =>
          fc.sample(fc.shuffledSubarray([...hosts], { minLength: hosts.length }), {
            seed,
            numRuns: 1,
          })[0] ?? [],
      );
      expect(files(shuffled)).toEqual(files(inventoryText(world)));
    }),
    { numRuns: 15 },
  );
});

test('compile gives what emit gives from the plan alone', () => {
  everyPlan((plan) => {
    const read = readPlan(planText(plan), 'plan.json');
    if (!read.ok) throw new Error(read.diagnostics.map(({ what }) => what).join('; '));
    expect([...bundle([read.plan], null, templates)]).toEqual([...bundle([plan], null, templates)]);
  }, 10);
});

describe('order', () => {
  test('no plan breaks a need: all scripts, and the expected way alone', () => {
    everyPlan((plan) => expect(brokenOrder(plan)).toBeNull(), 200);
  });

  test('quorum and target are two numbers, and the arithmetic of each is right', () => {
    everyPlan((plan) => {
      for (const step of executionOrder(plan).flatMap((turn) => [...turn.steps])) {
        if (step.kind !== 'state-threshold') continue;
        const { servers, quorum, target } = step.params;
        const left = plan.cluster.hosts.filter(
          ({ mode, state }) => mode === 'server' && state !== 'gone',
        );
        expect(quorum).toBe(Math.floor(servers / 2) + 1);
        expect(target).toBe(Math.min(quorum, left.length));
      }
    }, 50);
  });

  test('steps exchanged across a need are found', () => {
    let exchanged = 0;
    everyPlan((plan) => {
      const turns = executionOrder(plan);
      for (const [index, turn] of turns.entries()) {
        for (const [at, step] of turn.steps.entries()) {
          const before = turn.steps[at - 1];
          if (before === undefined || !yieldsFirst(turns.slice(0, index), turn, at, before, step)) {
            continue;
          }
          exchanged += 1;
          const steps = turn.steps.with(at - 1, step).with(at, before) as unknown as Turn['steps'];
          expect(firstBrokenNeed(turns.with(index, { ...turn, steps }))).not.toBeNull();
        }
      }
    }, 20);
    expect(exchanged).toBeGreaterThan(100);
  });

  test('a script left out that another needs is found', () => {
    everyPlan((plan) => {
      const turns = executionOrder(plan);
      for (const [index, turn] of turns.entries()) {
        if (['prepare', 'restore', 'start'].includes(turn.role)) {
          expect(firstBrokenNeed(turns.toSpliced(index, 1))).not.toBeNull();
        }
      }
    }, 20);
  });
});

/** Whether `before` is the first to yield something `step` needs. */
function yieldsFirst(
  earlier: readonly Turn[],
  turn: Turn,
  at: number,
  before: Step,
  step: Step,
): boolean {
  const known = new Set(
    [...earlier.flatMap((each) => [...each.steps]), ...turn.steps.slice(0, at - 1)].flatMap(
      (each) => each.yields.map(factKey),
    ),
  );
  const given = new Set(before.yields.map(factKey));
  return step.needs.some((need) => given.has(factKey(need)) && !known.has(factKey(need)));
}

/** Legal ids that look like parts of names. */
const trickyIds: fc.Arbitrary<readonly string[]> = fc.uniqueArray(
  fc
    .array(fc.constantFrom('a', 'b', '1', '01', '-', '--', '-on-', '-on-a', 'remove-a', 'start'), {
      minLength: 1,
      maxLength: 4,
    })
    .map((parts) => parts.join(''))
    .filter((id) => /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/u.test(id)),
  { minLength: 9, maxLength: 9 },
);

/** The inventory of a world in which hosts have these ids. */
function renamed(world: World, ids: readonly string[]): string {
  const inventory = JSON.parse(inventoryText(world));
  const names = new Map<string, string>(
    inventory.hosts.map(({ id }: { id: string }, index: number) => [id, ids[index] ?? id]),
  );
  for (const host of inventory.hosts) host.id = names.get(host.id);
  const { host } = inventory.recovery;
  if (host !== undefined) inventory.recovery.host = names.get(host);
  return JSON.stringify(inventory);
}

function everyNamedPlan(check: (plan: Plan) => void): void {
  fc.assert(
    fc.property(worlds, trickyIds, (world, ids) => {
      for (const plan of plansOf(renamed(world, ids))) check(plan);
    }),
    { numRuns: 60 },
  );
}

describe('names', () => {
  test('in each folder sorted names are the order of execution, from 1 on without a gap', () => {
    everyNamedPlan((plan) => {
      const turns = executionOrder(plan);
      expect(turns.map(({ order }) => order)).toEqual(turns.map((_, index) => index + 1));
      for (const [folder, when] of [
        ['', 'always'],
        ['if-needed/', 'if-needed'],
      ]) {
        const names = turns
          .filter((turn) => turn.when === when)
          .map(({ path }) => path.slice(folder?.length));
        expect(names).toEqual([...names].sort());
        const width = Math.max(2, String(names.length).length);
        for (const [index, name] of names.entries()) {
          expect(name.slice(0, width + 1)).toBe(`${String(index + 1).padStart(width, '0')}-`);
          expect(name).not.toContain('/');
        }
      }
    });
  });

  test('no two names are equal, and each ends with the host on which the script runs', () => {
    everyNamedPlan((plan) => {
      const turns = [...executionOrder(plan), ...plan.asides];
      expect(new Set(turns.map(({ path }) => path)).size).toBe(turns.length);
      for (const { path, host, subject } of turns) {
        expect(path.endsWith(`${subject === host ? '' : `-${subject}`}-on-${host}.sh`)).toBe(true);
      }
    });
  });

  test('hosts are reattached before others are removed, removed before they join, and so on', () => {
    const stages: readonly (readonly Turn['role'][])[] = [
      ...([['prepare'], ['restore'], ['rewrite'], ['start']] as const),
      ...([['reattach'], ['remove'], ['join']] as const),
      ['client-swarm', 'client', 'client-clear', 'client-join'],
      ['verify'],
    ];
    everyNamedPlan((plan) => {
      const turns = executionOrder(plan);
      const reached = turns.map(({ role }) => stages.findIndex((roles) => roles.includes(role)));
      expect(reached).toEqual([...reached].sort((a, b) => a - b));
      const expected = turns.filter(({ when }) => when === 'always');
      for (const [rank, { path }] of turns.entries()) {
        const place = placeOf(plan, path);
        const before = expected.filter((turn) => turns.indexOf(turn) < rank).at(-1);
        const after = expected.find((turn) => turns.indexOf(turn) > rank);
        expect(place).toMatchObject({
          rank,
          after: before?.path ?? null,
          before: after?.path ?? null,
        });
      }
    });
  });
});

test('each host has its way: removed, reattached, joined, once each, as its state demands', () => {
  everyPlan((plan) => {
    const turns = executionOrder(plan);
    const guide = plan.recovery.rejoin === 'guide';
    for (const host of plan.cluster.hosts) {
      const ways = (kind: Step['kind']) =>
        turns
          .filter(
            (turn) => turn.subject === host.id && turn.steps.some((step) => step.kind === kind),
          )
          .map(({ when }) => when);
      if (host.id === plan.recovery.host) {
        expect(ways('remove-record')).toEqual([]);
        continue;
      }
      const joining = host.state === 'replaced' || (guide && host.mode === 'server');
      const removed = joining || host.state === 'gone';
      expect(ways('remove-record')).toEqual([removed ? 'always' : 'if-needed']);
      const joins = host.state === 'gone' ? [] : [joining ? 'always' : 'if-needed'];
      expect(ways('join-cluster')).toEqual(joins);
      const kept = host.state !== 'gone' && host.state !== 'replaced' && !guide;
      if (host.mode === 'server') expect(ways('start-reattached')).toEqual(kept ? ['always'] : []);
    }
  }, 100);
});

test('what a step replaces or removes is kept first, for the same host', () => {
  let found = 0;
  everyPlan((plan) => {
    const kept = new Set<string>();
    for (const turn of executionOrder(plan)) {
      for (const step of turn.steps) {
        const { keptBy } = steps[step.kind];
        if (keptBy !== null) {
          found += 1;
          expect(kept).toContain(`${keptBy} ${turn.subject}`);
        }
        kept.add(`${step.kind} ${turn.subject}`);
      }
    }
  }, 100);
  expect(found).toBeGreaterThan(100);
});

test('no server host starts with old data: it is set aside in the same turn before', () => {
  everyPlan((plan) => {
    for (const turn of executionOrder(plan)) {
      const kinds: readonly Step['kind'][] = turn.steps.map(({ kind }) => kind);
      const starts = kinds.findIndex(
        (kind) => kind === 'start-reattached' || kind === 'join-cluster',
      );
      const subject = plan.cluster.hosts.find(({ id }) => id === turn.subject);
      if (starts < 0 || subject?.mode !== 'server') continue;
      const cleared = kinds.findIndex((kind) => kind.startsWith('clear-for-'));
      expect(cleared).toBeGreaterThan(-1);
      expect(cleared).toBeLessThan(starts);
    }
  }, 50);
});

test('quoted values come back out of a real bash as they went in', () => {
  const tricky = fc.string({
    unit: fc.oneof(
      fc.constantFrom(
        "'",
        '"',
        '\u2018',
        '\u2019',
        '\u201d',
        '\\',
        '$',
        '`',
        '!',
        '\n',
        ' ',
        '*',
        '{',
        '}',
        ';',
        '-',
        '\t',
        'é',
      ),
      fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
    ),
  });
  fc.assert(
    fc.property(fc.array(tricky, { maxLength: 20 }), (values) => {
      // Bash can hold everything but NUL.
      const held = values.map((value) => value.replaceAll('\0', ''));
      const script = `printf '%s\\0' ${held.map(sh).join(' ')}`;
      const { stdout } = spawnSync('bash', ['-c', script], { encoding: 'utf8' });
      expect(stdout).toBe(held.length === 0 ? '\0' : held.map((value) => `${value}\0`).join(''));
    }),
    { numRuns: 60 },
  );
});

import { expect, test } from 'vitest';
import type { Turn } from '../../../compiler/plan/ir.ts';
import {
  executionOrder,
  firstBrokenNeed,
  misplaced,
  phaseWords,
  placeOf,
} from '../../../compiler/plan/order.ts';
import type { Fact } from '../../../compiler/steps/facts.ts';
import { planOf } from '../world.ts';

const restored: Fact = { fact: 'etcd-restored' };
const back: Fact = { fact: 'member-back', host: 's-2' };

function turn(path: string, needs: readonly Fact[], yields: readonly Fact[]): Turn {
  return {
    path,
    order: 1,
    role: 'prepare',
    host: 's-1',
    subject: 's-1',
    title: path,
    when: 'always',
    reason: 'a test',
    steps: [{ kind: 'wait-api', guide: '1.1', params: {}, needs, yields }],
    omits: [],
    next: ['none'],
  };
}

test.each<readonly [string, readonly Turn[], string | null]>([
  ['nothing needed', [turn('a', [], [restored])], null],
  ['needed after it is there', [turn('a', [], [restored]), turn('b', [restored], [])], null],
  ['needed before it is there', [turn('a', [restored], []), turn('b', [], [restored])], 'a'],
  [
    'a fact about another host',
    [turn('a', [], [{ ...back, host: 's-3' }]), turn('b', [back], [])],
    'b',
  ],
  ['a step does not meet its own need', [turn('a', [back], [back])], 'a'],
])('%s', (_, turns, want) => {
  expect(firstBrokenNeed(turns)?.path ?? null).toBe(want);
});

test('numbers have one width in each folder, also with more than 99 scripts', () => {
  const plan = planOf({
    servers: ['alive', ...Array.from({ length: 12 }, () => 'returning' as const)],
    clients: Array.from({ length: 120 }, () => 'returning' as const),
  });
  const paths = executionOrder(plan).map(({ path }) => path);
  expect(paths[4]).toBe('005-reattach-on-s-2.sh');
  expect(paths[15]).toBe('016-reattach-on-s-13.sh');
  expect(paths[16]).toBe('if-needed/001-remove-s-2-on-s-1.sh');
  expect(paths.at(-1)).toBe('137-verify-on-s-1.sh');
  const few = planOf({ servers: ['alive', ...Array.from({ length: 12 }, () => 'gone' as const)] });
  expect(executionOrder(few)[4]?.path).toBe('05-remove-s-2-on-s-1.sh');
});

test('a script has its phase and its place between two expected scripts', () => {
  const plan = planOf({ servers: ['alive', 'returning', 'lost'] });
  const place = placeOf(plan, 'if-needed/02-remove-s-3-on-s-1.sh');
  expect(place).toMatchObject({
    rank: 7,
    after: '06-reattach-on-s-3.sh',
    before: '07-verify-on-s-1.sh',
  });
  expect(place === null ? '' : phaseWords(place)).toBe('phase 5, Remove records of lost hosts');
  expect(placeOf(plan, '01-prepare-on-s-1.sh')).toMatchObject({ rank: 0, after: null });
  expect(placeOf(plan, '07-verify-on-s-1.sh')).toMatchObject({ before: null });
  expect(placeOf(plan, 'undo/undo-on-s-1.sh')).toBeNull();
});

test('a path that does not sort in the order of execution is found', () => {
  const plan = planOf({ servers: ['alive', 'returning', 'returning'] });
  expect(misplaced(plan)).toBeNull();
  const renamed = JSON.parse(JSON.stringify(plan).replaceAll('05-reattach', '08-reattach'));
  expect(misplaced(renamed)).toBe('06-reattach-on-s-3.sh');
});

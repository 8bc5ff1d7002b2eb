import { expect, test } from 'vitest';
import type { Fact, Turn } from '../../../compiler/plan/ir.ts';
import { executionOrder, firstBrokenNeed } from '../../../compiler/plan/order.ts';
import { step } from '../../../compiler/plan/steps.ts';
import { planOf } from '../world.ts';

const restored: Fact = { fact: 'etcd-restored' };
const back: Fact = { fact: 'member-back', host: 's-2' };

function turn(path: string, needs: readonly Fact[], yields: readonly Fact[]): Turn {
  return {
    path,
    host: 's-1',
    subject: 's-1',
    title: path,
    when: 'always',
    reason: 'a test',
    steps: [step('1.1', 'wait-api', {}, { needs, yields })],
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

test('paths sort in the order of the stages, also with more than nine hosts in one', () => {
  const plan = planOf({
    servers: ['alive', ...Array.from({ length: 12 }, () => 'returning' as const)],
  });
  const paths = executionOrder(plan).map(({ path }) => path);
  expect(paths).toEqual([...paths].sort());
  const reattached = paths.filter((path) => path.startsWith('5-'));
  expect(reattached.at(1)).toBe('5-phase-6-reattach/02-s-3.sh');
  expect(reattached.at(-1)).toBe('5-phase-6-reattach/12-s-13.sh');
});

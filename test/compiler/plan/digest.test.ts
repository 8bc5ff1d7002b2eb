import { expect, test } from 'vitest';
import { canonical, digest } from '../../../compiler/plan/digest.ts';

test.each([
  [{ b: 1, a: [true, null, 'x"y'] }, '{"a":[true,null,"x\\"y"],"b":1}'],
  [[{ z: {}, y: [] }], '[{"y":[],"z":{}}]'],
  ['é', '"é"'],
])('canonical text of %j', (value, want) => {
  expect(canonical(value)).toBe(want);
});

test('the order of keys does not change the digest, the order of a list does', () => {
  expect(digest({ a: 1, b: 2 })).toBe(digest({ b: 2, a: 1 }));
  expect(digest([1, 2])).not.toBe(digest([2, 1]));
  expect(digest({})).toBe('44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a');
});

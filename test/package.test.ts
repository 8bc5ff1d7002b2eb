// What package.json says twice is the same.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const described = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));

test('without the development dependencies, the same TypeScript builds', () => {
  const { typescript } = described.devDependencies;
  expect(described.scripts.build).toContain(`--package=typescript@${typescript} `);
});

test('every version is exact', () => {
  const all = { ...described.dependencies, ...described.devDependencies };
  expect(
    Object.values(all).filter((version) => !/^\d+\.\d+\.\d+(-[\w.-]+)?$/u.test(String(version))),
  ).toEqual([]);
});

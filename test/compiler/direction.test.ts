// A station imports from earlier ones only: the direction of the pipeline, read off the imports.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../compiler/', import.meta.url));

/** Stations in the order of the pipeline; a file belongs to the first that its path starts with. */
const stations = [
  'version.ts',
  'sha256.ts',
  'distance.ts',
  'characters.ts',
  'excerpt.ts',
  'codes.ts',
  'diagnostic.ts',
  'hosts.ts',
  'tools/',
  'quorum.ts',
  'evidence/',
  'inventory/',
  'steps/',
  'plan/',
  'emit/',
  'check/',
  'bundle/',
  'review/',
  'pack/',
  'record/',
  'init/',
  'inspect.ts',
  'compile.ts',
  'choose.ts',
  'cli/',
  'cli.ts',
];

function stationOf(path: string): number {
  return stations.findIndex((station) => path.startsWith(station));
}

interface Import {
  readonly from: string;
  readonly to: string;
  readonly typeOnly: boolean;
}

const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((path) =>
  path.endsWith('.ts'),
);

const imports: readonly Import[] = files.flatMap((from) =>
  [
    ...readFileSync(join(root, from), 'utf8').matchAll(
      /(?:^(?:import|export)( type)?[^;]*? from |import\()'(\.[^']+)'/gmu,
    ),
  ].map(([, type, to = '']) => ({
    from,
    to: relative(root, join(root, dirname(from), to)),
    typeOnly: type !== undefined,
  })),
);

test('every file has its station, and imports are seen', () => {
  expect(files.filter((path) => stationOf(path) < 0)).toEqual([]);
  expect(imports.length).toBeGreaterThan(50);
  expect(imports).toContainEqual({
    from: 'bundle/deliver.ts',
    to: 'check/check.ts',
    typeOnly: false,
  });
});

test('no station looks ahead', () => {
  expect(imports.filter((each) => stationOf(each.to) > stationOf(each.from))).toEqual([]);
});

test('what is emitted depends on the plan alone', () => {
  const known = imports.filter(
    ({ from, to }) =>
      from.startsWith('emit/') && (to.startsWith('inventory/') || to === 'quorum.ts'),
  );
  expect(known).toEqual([]);
});

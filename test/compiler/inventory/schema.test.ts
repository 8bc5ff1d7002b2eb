import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareHosts, compareIds, type HostMode } from '../../../compiler/hosts.ts';
import { inventoryObject, inventorySchema } from '../../../compiler/inventory/schema.ts';

interface Field {
  readonly path: string;
  readonly schema: Readonly<Record<string, unknown>>;
  readonly required: boolean;
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

/** Every property of the schema, through lists and alternatives. */
function fields(schema: Readonly<Record<string, unknown>>, path: string): readonly Field[] {
  const required = Array.isArray(schema.required) ? schema.required : [];
  const own = Object.entries(record(schema.properties)).flatMap(([key, value]) => {
    const field = {
      path: `${path}.${key}`,
      schema: record(value),
      required: required.includes(key),
    };
    return [field, ...fields(field.schema, field.path)];
  });
  const branches = [schema.anyOf, schema.oneOf].flatMap((list) =>
    Array.isArray(list) ? list : [],
  );
  return [
    ...own,
    ...branches.flatMap((branch, i) => fields(record(branch), `${path}|${i}`)),
    ...(schema.items === undefined ? [] : fields(record(schema.items), `${path}[]`)),
  ];
}

const all = fields(inventorySchema(), '');

describe('the JSON Schema', () => {
  test('is committed as it is: plan schema > generated/inventory.schema.json', async () => {
    const file = new URL('../../../generated/inventory.schema.json', import.meta.url);
    const text = `${JSON.stringify(inventorySchema(), null, 2)}\n`;
    await expect(text).toMatchFileSnapshot(file.pathname);
  });

  test('has all the fields', () => {
    expect(all.length).toBeGreaterThan(45);
  });

  test.each(all)(
    '$path has description, example, default and unit',
    ({ path, schema, required }) => {
      expect(schema.description).toMatch(/^.{8,}/su);
      expect(Array.isArray(schema.examples) && schema.examples.length > 0).toBe(true);
      if (!required && path !== '.$schema') expect(schema).toHaveProperty('default');
      const numeric = schema.type === 'integer' || path === '.recovery.revisionBump';
      if (numeric) expect(schema['x-unit']).toMatch(/^(seconds|TCP port|revisions)$/u);
    },
  );

  test.each(all)('$path takes its own examples and default', ({ path, schema }) => {
    const values = [...[schema.examples].flat(1), schema.default];
    for (const value of values.filter((each) => each !== undefined)) {
      expect(complaints(path, value)).toEqual([]);
    }
  });

  test('its patterns are what editors understand', () => {
    for (const { schema } of all) {
      if (schema.pattern === undefined) continue;
      const pattern = new RegExp(String(schema.pattern), 'u');
      for (const example of [schema.examples].flat(1)) expect(String(example)).toMatch(pattern);
    }
  });
});

/** What the zod object says about a text in which only the value at the path is of interest. */
function complaints(path: string, value: unknown): readonly string[] {
  const https = { scheme: 'https', caCert: '/a/b', clientCert: '/a/b', clientKey: '/a/b' };
  const steps = path.replaceAll(/\|([0-9]+)|\[\]/gu, (_, arm) => (arm ? '' : '.0')).slice(1);
  const text = {
    cluster: 'lab',
    api: path.includes('|1') ? https : { scheme: 'http' },
    hosts: [{ id: 'host-1', addresses: ['10.0.0.1'], mode: 'server' }],
    recovery: path.startsWith('.recovery.owner|') ? { owner: { user: 'a', group: 'b' } } : {},
  };
  const checked = inventoryObject.safeParse(put(text, steps.split('.'), value));
  return checked.success ? [] : checked.error.issues.map((issue) => JSON.stringify(issue));
}

function put(target: unknown, [step, ...rest]: readonly string[], value: unknown): unknown {
  if (step === undefined) return value;
  if (Array.isArray(target)) return target.map((each) => put(each, rest, value));
  return { ...record(target), [step]: put(record(target)[step], rest, value) };
}

/** Refused by which field, if any, when this stands in the place of a host's value. */
function accepted(key: string, value: unknown): boolean {
  return complaints(`.hosts[].${key}`, value).length === 0;
}

describe('addresses', () => {
  test.each([
    '10.0.0.1',
    '2001:db8::1',
    '::ffff:10.0.0.1',
    'host-1',
    'HOST-1.example.com',
    '127.0.0.1',
    '3com.example',
  ])('%s', (address) => {
    expect(accepted('addresses', [address])).toBe(true);
  });

  test.each([
    '',
    ' 10.0.0.1',
    '10.0.0.256',
    '10.0.0',
    '010.0.0.1',
    '0x0a.0.0.1',
    '0x0a000001',
    '10.0.0.0x1',
    '167772161',
    '10.1',
    'fe80::1%eth0',
    '[2001:db8::1]',
    '10.0.0.1:3000',
    '-h',
    'host-.example.com',
    'host..com',
    'host.com.',
    'host_1',
    'host\n',
    'höst',
    `${'a'.repeat(64)}.com`,
    `${'a.'.repeat(127)}aa`,
  ])('not %j', (address) => {
    expect(accepted('addresses', [address])).toBe(false);
  });
});

describe('data directories', () => {
  test.each([
    '/data/pgedge',
    '/srv/pg edge/o\'brien "x"',
    '/data/$(reboot)',
    '/data/.hidden',
    '/data/...',
    '/data/-rf',
  ])('%s', (path) => {
    expect(accepted('dataDirectory', path)).toBe(true);
  });

  test.each([
    '',
    '/',
    '/data',
    'data/pgedge',
    '/data/',
    '/data/pgedge/',
    '//data/pgedge',
    '/data//pgedge',
    '/data/./pgedge',
    '/data/../etc',
    '/data/..',
    '/data/a\nb',
    '/data/a\u0000b',
    '/data/a\u007fb',
    '/data/\u202egpj',
    '/data/\ud800',
    `/data/${'a'.repeat(1024)}`,
  ])('not %j', (path) => {
    expect(accepted('dataDirectory', path)).toBe(false);
  });
});

describe('ids', () => {
  test.each(['a', 'host-1', '7', 'a--b', 'a'.repeat(63)])('%s', (id) => {
    expect(accepted('id', id)).toBe(true);
  });
  test.each(['', '-a', 'a-', 'A', 'a b', 'a/b', 'a.b', 'a_b', 'a\n', 'a'.repeat(64)])(
    'not %j',
    (id) => {
      expect(accepted('id', id)).toBe(false);
    },
  );
});

describe('order', () => {
  test.each([
    ['host-2', 'host-10', -1],
    ['host-02', 'host-2', -1],
    ['host', 'host-1', -1],
    ['a1b2', 'a1b10', -1],
    ['1', 'a', -1],
    ['host-9007199254740993', 'host-9007199254740992', 1],
    ['x', 'x', 0],
  ])('%s %s', (a, b, want) => {
    expect(Math.sign(compareIds(a, b))).toBe(want);
    expect(Math.sign(compareIds(b, a))).toBe(want === 0 ? 0 : -want);
  });

  const id = fc.stringMatching(/^[a-c]?[0-3]{0,3}-?[0-2a]{0,2}$/u);

  test('is total: no two ids are equal, and no three go round', () => {
    fc.assert(
      fc.property(id, id, id, (a, b, c) => {
        expect(compareIds(a, b) === 0).toBe(a === b);
        expect(Math.sign(compareIds(a, b)) + Math.sign(compareIds(b, a))).toBe(0);
        if (compareIds(a, b) < 0 && compareIds(b, c) < 0) expect(compareIds(a, c)).toBeLessThan(0);
      }),
      { numRuns: 2000 },
    );
  });

  test('servers come before clients', () => {
    const host = (name: string, mode: HostMode) => ({ id: name, mode });
    const hosts = [
      host('a', 'client'),
      host('b', 'server'),
      host('c', 'client'),
      host('d', 'server'),
    ];
    expect(hosts.sort(compareHosts).map((each) => each.id)).toEqual(['b', 'd', 'a', 'c']);
  });
});

test('the valid fixtures validate against nothing but this object', () => {
  const file = new URL('../../fixtures/valid/everything.json', import.meta.url);
  expect(inventoryObject.safeParse(JSON.parse(readFileSync(file, 'utf8'))).success).toBe(true);
});

import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatDiagnostics, hasErrors } from '../../../compiler/diagnostic.ts';
import { type Parsed, parse } from '../../../compiler/inventory/parse.ts';
import type { Inventory } from '../../../compiler/inventory/schema.ts';

const valid = new URL('../../fixtures/valid/', import.meta.url);

function read(name: string): string {
  return readFileSync(new URL(name, valid), 'utf8');
}

function accepted(parsed: Parsed): Inventory {
  if (!parsed.ok) throw new Error(formatDiagnostics(parsed.diagnostics, { colour: false }));
  return parsed.inventory;
}

/** Findings as `line:column CODE`. */
function found(text: string, lost: readonly string[] = []): readonly string[] {
  return parse(text, 'inventory.json', lost).diagnostics.map(
    ({ line, column, code }) => `${line}:${column} ${code}`,
  );
}

describe('what is right', () => {
  test.each(readdirSync(valid))('%s is accepted without a word', (name) => {
    const parsed = parse(read(name), name);
    expect(accepted(parsed).cluster).not.toBe('');
    expect(parsed.diagnostics.filter(({ severity }) => severity !== 'note')).toEqual([]);
  });

  test('defaults are filled in', () => {
    expect(accepted(parse(read('minimal.json'), 'minimal.json'))).toEqual({
      cluster: 'lab',
      notes: null,
      swarm: {
        stack: 'control-plane',
        stackFile: null,
        dockerSocket: '/var/run/docker.sock',
      },
      api: { scheme: 'http' },
      hosts: [1, 2, 3].map((n) => ({
        id: `host-${n}`,
        addresses: [`10.0.0.${n}`],
        mode: 'server',
        dataDirectory: '/data/pgedge/control-plane',
        ports: { api: 3000, etcdClient: 2379, etcdPeer: 2380 },
        service: `control-plane_host-${n}`,
        machineId: null,
        state: null,
        notes: null,
      })),
      recovery: {
        host: null,
        snapshot: { source: 'freshest', path: null, sha256: null },
        revisionBump: 1_000_000_000,
        rewriteMembership: 'loopback',
        tokenWindow: 12,
        rejoin: 'evidence',
        restart: 'rolling',
        owner: 'reference',
        deadlines: { stop: 60, swarm: 120, etcd: 60, api: 180, fresh: 90, task: 600, join: 600 },
        tools: { directory: null },
      },
    });
  });

  test('what is given is taken, hosts in order, undeclared ones alive', () => {
    const inventory = accepted(parse(read('everything.json'), 'everything.json'));
    expect(inventory.hosts.map(({ id, state }) => [id, state])).toEqual([
      ['host-1', 'returning'],
      ['host-2', 'alive'],
      ['host-3', 'replaced'],
      ['host-4', 'alive'],
      ['host-10', 'alive'],
    ]);
    expect(inventory.hosts[1]).toEqual({
      id: 'host-2',
      addresses: ['2001:db8::2', 'host-2.example.com'],
      mode: 'server',
      dataDirectory: "/srv/pg edge/o'brien",
      ports: { api: 3100, etcdClient: 12379, etcdPeer: 12380 },
      service: 'cp_two',
      machineId: '4d2f6a1c9b8e4f0fa7c35b6d2e1f0a9b',
      state: 'alive',
      notes: 'old disk',
    });
    expect(inventory.hosts[0]?.service).toBe('cp_host-1');
    expect(inventory.recovery).toMatchObject({
      revisionBump: null,
      owner: { user: 'root', group: '0' },
      tools: { directory: '/opt/etcd-3.6' },
    });
    expect(inventory.api.scheme).toBe('https');
    expect(inventory.notes).toBe('Two rooms.\nRoom 2 lost power.');
    expect(JSON.parse(JSON.stringify(inventory))).toEqual(inventory);
  });

  test('--lost declares, and leaves what is known better', () => {
    const states = (text: string, lost: readonly string[]) =>
      accepted(parse(text, 'x', lost)).hosts.map(({ state }) => state);
    expect(states(read('minimal.json'), ['host-3', 'host-2'])).toEqual(['alive', 'lost', 'lost']);
    expect(states(read('four-servers-two-lost.json'), ['host-2', 'host-3'])).toEqual([
      'alive',
      'lost',
      'returning',
      'gone',
    ]);
  });

  test('places can be asked for afterwards', () => {
    const parsed = parse(read('minimal.json'), 'minimal.json');
    if (!parsed.ok) throw new Error('refused');
    const span = (line: number, column: number, endColumn: number) => ({
      ...{ line, column, end: { line, column: endColumn } },
    });
    expect(parsed.locate(['hosts', 1, 'id'])).toEqual(span(5, 12, 20));
    // What is left out: the first character of what would hold it.
    expect(parsed.locate(['hosts', 1, 'ports', 'api'])).toEqual(span(5, 5, 6));
    expect(parsed.locate([])).toMatchObject({ line: 1, column: 1 });
  });
});

describe('the text', () => {
  test.each([
    ['', ['1:1 INV001']],
    ['  \n ', ['2:2 INV001']],
    ['\ufeff{}', ['1:1 INV001']],
    ['{"cluster": "lab"', ['1:18 INV001']],
    ['{\n"cluster": lab,\n"hosts" []\n}', ['2:12 INV001', '3:9 INV001']],
    ['{"cluster": "l\tb"}', ['1:15 INV001']],
    ['{} {}', ['1:4 INV001']],
    ['{"a": 1 /* never ends', ['1:9 INV001']],
    ['[]', ['1:1 INV006']],
    ['null', ['1:1 INV006']],
    ['"{}"', ['1:1 INV006']],
    ['{}', ['1:1 INV005', '1:1 INV005']],
    ['[[,]', ['1:3 INV001']],
    ['['.repeat(100_000), ['1:33 INV014']],
    ['{"a":'.repeat(100_000), ['1:161 INV014']],
    // A comma is a dialect; the rest is checked anyway.
    ['{"cluster": 1,\r\n"hosts": "x",}', ['1:13 INV006', '2:10 INV006', '2:13 INV002']],
  ])('%#: %.30j', (text, want) => {
    expect(found(text)).toEqual(want);
  });

  test('line ends of every kind count one', () => {
    for (const end of ['\n', '\r\n', '\r']) {
      expect(found(`{${end}"cluster": 7,${end}"hosts": 8${end}}`)).toEqual([
        '2:12 INV006',
        '3:10 INV006',
      ]);
    }
  });
});

test('all problems come at once: of the text, of fields and across fields', () => {
  const text = `{
  "cluster": "Lab",
  "hosts": [
    {"id": "host-1", "addresses": ["10.0.0.1"], "mode": "server", "color": "red"},
    {"id": "host-1", "addresses": ["10.0.0.2"], "mode": "server", "ports": {"api": "3000"}},
    {"id": "host-3", "addresses": ["10.0.0.1"], "mode": "server", "mode": "client"},
  ],
  "recovery": {"host": "host-3", "tokenWindow": -1, "snapshot": {"source": "raw"}}
}`;
  expect(found(text)).toEqual([
    '2:14 INV008',
    '3:12 INV054',
    '4:67 INV004',
    '5:12 INV020',
    '5:84 INV006',
    '6:36 INV021',
    '6:67 INV003',
    '6:84 INV002',
    '8:24 INV031',
    '8:49 INV012',
    '8:76 INV037',
  ]);
});

describe('a wrong value says nothing false about the others', () => {
  test('quorum is not judged with a state that cannot be read', () => {
    const text = read('minimal.json').replace(
      '"mode": "server"}',
      '"mode": "server", "state": "up"}',
    );
    expect(found(text)).toEqual(['4:76 INV007']);
  });

  test('a recovery host may be the one whose id is wrong', () => {
    const text = read('minimal.json')
      .replace('"host-2"', '"Host-2"')
      .replace('"lab",', '"lab", "recovery": {"host": "host-2"},');
    expect(found(text)).toEqual(['5:12 INV008']);
  });
});

describe('keys that JavaScript knows', () => {
  test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])('%s is unknown', (key) => {
    const text = read('minimal.json').replace('"cluster"', `"${key}": {"x": 1}, "cluster"`);
    expect(found(text)).toEqual(['2:3 INV004']);
  });
});

describe('properties', () => {
  const json = fc.json({ maxDepth: 6 });
  const broken = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: fc.constantFrom(...'{}[],:"\\/*1e-. \n\u2028', 'null') }),
    fc.tuple(json, fc.nat(), fc.string({ maxLength: 2 })).map(([text, at, extra]) => {
      const i = at % (text.length + 1);
      return text.slice(0, i) + extra + text.slice(i + 1);
    }),
  );

  test('any text gets an answer: an inventory, or at least one error', () => {
    fc.assert(
      fc.property(fc.oneof(json, broken), (text) => {
        const parsed = parse(text, 'x');
        expect(parsed.ok).toBe(!hasErrors(parsed.diagnostics));
        for (const { line, column, what, why, remedy } of parsed.diagnostics) {
          expect([line, column]).not.toContain(0);
          expect([what, why, remedy].every((each) => each !== '')).toBe(true);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('what JSON.parse refuses is refused as not JSON, and only that', () => {
    fc.assert(
      fc.property(fc.oneof(json, broken), (text) => {
        const codes = parse(text, 'x').diagnostics.map(({ code }) => code);
        const refused = codes.some((code) => ['INV001', 'INV002', 'INV014'].includes(code));
        expect(refused).toBe(!isJson(text));
      }),
      { numRuns: 4000 },
    );
  });

  test('inventories with any one value replaced never throw', () => {
    const text = JSON.parse(read('everything.json'));
    const paths = leaves(text, []);
    fc.assert(
      fc.property(fc.constantFrom(...paths), fc.jsonValue(), (path, value) => {
        const parsed = parse(JSON.stringify(replace(text, path, value)), 'x');
        expect(parsed.ok).toBe(!hasErrors(parsed.diagnostics));
      }),
      { numRuns: 2000 },
    );
  });

  test('the order of the hosts in the text does not matter', () => {
    const text = JSON.parse(read('everything.json'));
    const want = accepted(parse(JSON.stringify(text), 'x'));
    const order = fc.shuffledSubarray(text.hosts, { minLength: text.hosts.length });
    fc.assert(
      fc.property(order, (hosts) => {
        expect(accepted(parse(JSON.stringify({ ...text, hosts }), 'x'))).toEqual(want);
      }),
    );
  });

  function isJson(text: string): boolean {
    try {
      JSON.parse(text);
      return true;
    } catch {
      return false;
    }
  }

  type Path = readonly (string | number)[];

  function leaves(value: unknown, path: Path): readonly Path[] {
    if (typeof value !== 'object' || value === null) return [path];
    const entries = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
    return [path, ...entries.flatMap(([key, inner]) => leaves(inner, [...path, key]))];
  }

  function replace(root: unknown, [step, ...rest]: Path, value: unknown): unknown {
    if (step === undefined) return value;
    if (Array.isArray(root))
      return root.map((each, i) => (i === step ? replace(each, rest, value) : each));
    const object: Record<string, unknown> = { ...Object(root) };
    return { ...object, [step]: replace(object[step], rest, value) };
  }
});

describe('a thousand hosts', () => {
  const hosts = Array.from({ length: 1000 }, (_, i) => ({
    id: `host-${i + 1}`,
    addresses: [`10.1.${Math.floor(i / 250)}.${(i % 250) + 1}`],
    mode: i < 5 ? 'server' : 'client',
  }));
  const within = (milliseconds: number, run: () => void) => {
    const start = performance.now();
    run();
    expect(performance.now() - start).toBeLessThan(milliseconds);
  };

  test('are read quickly', () => {
    const text = JSON.stringify({ cluster: 'lab', hosts }, null, 2);
    within(1500, () => {
      expect(accepted(parse(text, 'x')).hosts).toHaveLength(1000);
    });
  });

  test('are refused quickly, each for its own mistakes', () => {
    const wrong = hosts.map((host) => ({ ...host, mode: 'klient', dataDir: '/x', id: 'host-1' }));
    const text = JSON.stringify({ cluster: 'lab', hosts: wrong }, null, 2);
    within(3000, () => {
      expect(parse(text, 'x').diagnostics).toHaveLength(2999);
    });
  });

  test('on one machine are compared quickly', () => {
    const together = hosts.map((host, i) => ({
      ...host,
      addresses: ['10.0.0.1'],
      ports: { api: 3000 + 3 * i, etcdClient: 3001 + 3 * i, etcdPeer: 3002 + 3 * i },
      dataDirectory: `/data/${host.id}`,
    }));
    const text = JSON.stringify({ cluster: 'lab', hosts: together }, null, 2);
    within(3000, () => {
      expect(new Set(parse(text, 'x').diagnostics.map(({ code }) => code))).toEqual(
        new Set(['INV023']),
      );
    });
  });
});

// Mutated inventories and mutated plans. However wrong they are: no exception, no bundle in part, no value
// outside of quotes, and what is accepted compiles. PLAN_FUZZ sets how many are tried.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { bundle, planText } from '../compiler/bundle/bundle.ts';
import { deliver } from '../compiler/bundle/deliver.ts';
import { planAll } from '../compiler/compile.ts';
import { formatDiagnostics } from '../compiler/diagnostic.ts';
import type { EmittedFile } from '../compiler/emit/script.ts';
import { loadTemplates } from '../compiler/emit/templates.ts';
import { parse } from '../compiler/inventory/parse.ts';
import { canonical, planDigest } from '../compiler/plan/digest.ts';
import { readPlan } from '../compiler/plan/read.ts';
import { inventoryText, type World } from './compiler/world.ts';

const runs = Number(process.env.PLAN_FUZZ ?? 150);
const templates = loadTemplates();
const place = mkdtempSync(join(tmpdir(), 'plan fuzz '));
afterAll(() => rmSync(place, { recursive: true }));

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const worlds: readonly World[] = [
  { servers: ['-', '-', '-'], clients: ['-'] },
  { servers: ['alive', 'returning', 'replaced'], clients: ['alive', 'gone'] },
  {
    servers: ['alive', 'lost', 'gone', 'alive'],
    recovery: { rejoin: 'guide', owner: 'reference' },
  },
  {
    servers: ['replaced', 'returning'],
    clients: ['replaced'],
    recovery: { snapshot: { source: 'saved', path: '/b/s.db' }, tools: { directory: '/opt/etcd' } },
    swarm: { stackFile: '/root/s.yaml' },
  },
];
const everything = readFileSync(new URL('fixtures/valid/everything.json', import.meta.url), 'utf8');
const inventories = [everything, ...worlds.map((world) => inventoryText(world))];

/** Its place in a script is looked for: it must be in quotes. */
const mark = 'PWN';
const shells = [
  ...[
    `$(${mark})`,
    `\`${mark}\``,
    `'; ${mark}; '`,
    `"; ${mark}; "`,
    `\\'; ${mark} #`,
    `\${${mark}}`,
  ],
  ...[
    `' ${mark} \\`,
    `\u2019${mark}\\'`,
    `\n${mark}\n`,
    `\${x:-'${mark}'}`,
    `-${mark}`,
    `&&${mark}&`,
  ],
];
const texts = [
  ...shells,
  ...shells.map((each) => `/data/${each}`),
  ...[
    '',
    ' ',
    '/',
    '/etc',
    '/data/../x',
    '/dev/sda',
    '../x',
    'host-1',
    'HOST-1',
    '__proto__',
    's-1',
  ],
  ...['10.0.1.1', '::ffff:10.0.1.1', '0x0a.0.1.1', '127.1', '::1', 'lost', 'alive', 'server', '??'],
  ...['\u202e', '\u00a0', '\ud800', '\0', 'x'.repeat(5000), 'é'.repeat(300)],
];

interface Mutation {
  readonly at: number;
  readonly how: 'path' | 'replace' | 'delete' | 'repeat' | 'add' | 'move' | 'prefix';
  readonly value: Json;
  readonly from: number;
}

const mutation: fc.Arbitrary<Mutation> = fc.record({
  at: fc.nat(),
  how: fc.oneof(
    { weight: 3, arbitrary: fc.constant('path' as const) },
    {
      weight: 2,
      arbitrary: fc.constantFrom<Mutation['how'][]>(
        ...(['replace', 'delete', 'repeat', 'add', 'move', 'prefix'] as const),
      ),
    },
  ),
  value: fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom<Json[]>(...texts, ...shells) },
    { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<Json> },
    { weight: 1, arbitrary: fc.constantFrom<Json[]>(null, true, 0, -1, 1.5, 65536, 1e21, [], {}) },
  ),
  from: fc.nat(),
});

// biome-ignore lint/suspicious/noExplicitAny: an object or a list, and a key of it
type Container = any;

/** Every place in a value: the object or list, and the key in it. */
function placesIn(value: Json): { readonly inside: Container; readonly key: string }[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => [
    { inside: value, key },
    ...placesIn(inner as Json),
  ]);
}

/** A path where an inventory or a plan has one. */
function putPath(root: Container, at: number, path: string): void {
  const { swarm, recovery } = root ?? {};
  const hosts: readonly Container[] = Array.isArray(root?.hosts) ? root.hosts : [];
  const spots: readonly (readonly [Container, string])[] = [
    ...hosts.map((host) => [host, 'dataDirectory'] as const),
    ...hosts.map((host) => [host, 'notes'] as const),
    [swarm, 'stackFile'],
    [swarm, 'dockerSocket'],
    [recovery, 'because'],
    [recovery?.snapshot, 'path'],
    [recovery?.tools, 'directory'],
    [root, 'notes'],
  ];
  const [inside, key] = spots[at % spots.length] ?? [null, ''];
  if (typeof inside === 'object' && inside !== null) inside[key] = path;
}

function mutated(text: string, mutations: readonly Mutation[]): Json {
  const root = JSON.parse(text) as Json;
  for (const { at, how, value, from } of mutations) {
    if (how === 'path') {
      putPath(root, at, `/data/x${typeof value === 'string' ? value : ''}/${from % 3}`);
      continue;
    }
    const places = placesIn(root);
    const spot = places[at % Math.max(1, places.length)];
    if (spot === undefined) break;
    const { inside, key } = spot;
    const other = places[from % places.length];
    const copy = structuredClone(value);
    if (how === 'replace') inside[key] = copy;
    else if (how === 'delete')
      Array.isArray(inside) ? inside.splice(Number(key), 1) : delete inside[key];
    else if (how === 'repeat' && Array.isArray(inside))
      inside.push(structuredClone(inside[Number(key)]));
    else if (how === 'add') inside[String(value).slice(0, 20)] = copy;
    else if (how === 'move' && other !== undefined)
      inside[key] = structuredClone(other.inside[other.key]);
    else if (how === 'prefix' && typeof inside[key] === 'string') {
      inside[key] = `${inside[key]}/${typeof value === 'string' ? value : ''}`;
    }
  }
  return root;
}

/** A text, sometimes with a slip of the keyboard in it. */
const slips = fc.oneof(
  { weight: 9, arbitrary: fc.constant(null) },
  {
    weight: 1,
    arbitrary: fc.record({
      at: fc.nat(),
      put: fc.constantFrom('', ',', '}', '"', '\\', '\u0007', '//', '[['),
    }),
  },
);
function slipped(text: string, slip: { readonly at: number; readonly put: string } | null): string {
  if (slip === null) return text;
  const at = slip.at % (text.length + 1);
  return `${text.slice(0, at)}${slip.put}${text.slice(at + 1)}`;
}

/** Where the mark stands in a script outside of quotes and comments: no value holds a line feed. */
function unquotedMarks({ path, text }: EmittedFile): readonly string[] {
  if (!path.endsWith('.sh')) return [];
  return text.split('\n').flatMap((line) => {
    if (!line.includes(mark) || /^\s*#/u.test(line)) return [];
    let state: 'plain' | 'single' | 'double' = 'plain';
    for (let at = 0; at < line.length; at += 1) {
      const character = line.charAt(at);
      if (line.startsWith(mark, at) && state !== 'single') return [`${path}: ${line}`];
      if (character === '\\' && state !== 'single') at += 1;
      else if (character === "'" && state !== 'double')
        state = state === 'single' ? 'plain' : 'single';
      else if (character === '"' && state !== 'single')
        state = state === 'double' ? 'plain' : 'double';
    }
    return state === 'plain' ? [] : [`${path}: open quote: ${line}`];
  });
}

function expectReadable(
  diagnostics: Parameters<typeof formatDiagnostics>[0],
  source: string,
): void {
  const shown = formatDiagnostics(diagnostics.slice(0, 50), {
    colour: false,
    sources: new Map([['fuzz.json', source]]),
  });
  expect(shown.length).toBeLessThan(100_000);
  expect(shown.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
}

test('mutated inventories', async () => {
  let accepted = 0;
  let marked = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...inventories),
      fc.array(mutation, { maxLength: 3 }),
      slips,
      fc.constantFrom(null, null, null, null, 's-1', 's-2', 'host-1', 'nobody'),
      async (base, mutations, slip, lost) => {
        const text = slipped(JSON.stringify(mutated(base, mutations), null, 2) ?? 'null', slip);
        const parsed = parse(text, 'fuzz.json', lost === null ? [] : [lost]);
        expectReadable(parsed.diagnostics, text);
        if (!parsed.ok) {
          expect(parsed.diagnostics.length).toBeGreaterThan(0);
          return;
        }
        accepted += 1;
        const plans = planAll(parsed.inventory);
        const files = [...bundle(plans, text, templates)];
        expect(files.flatMap(unquotedMarks)).toEqual([]);
        if (files.some((file) => file.path.endsWith('.sh') && file.text.includes(mark)))
          marked += 1;
        const [plan] = plans;
        if (plan !== undefined) expect(readPlan(planText(plan), 'plan.json').ok).toBe(true);
        // Each takes a process or a disk, so not every time.
        if (accepted % 10 !== 0) return;
        // Scripts carry the same functions, so some of them are enough.
        const scripts = files.filter(({ path }) => /^(0[1-4]|undo\/|recover|triage)/u.test(path));
        const all = scripts.map((file) => file.text).join('\n');
        expect(spawnSync('bash', ['-n'], { input: all, encoding: 'utf8' }).stderr).toBe('');
        await expectComplete(files);
      },
    ),
    { numRuns: runs },
  );
  expect(accepted).toBeGreaterThan(runs / 10);
  if (process.env.PLAN_FUZZ) console.log({ runs, accepted, marked });
});

/** Over the last bundle: the directory is one or the other, and nothing is left next to it. */
async function expectComplete(files: readonly EmittedFile[]): Promise<void> {
  const directory = join(place, 'out');
  const checks = { enabled: false, shellcheck: null, required: false, progress: () => {} };
  const { exit } = await deliver(files, { directory, compareOnly: false }, checks);
  expect(exit).toBe(0);
  expect(readdirSync(place)).toEqual(['out']);
  const sums = spawnSync('sha256sum', ['--quiet', '--strict', '-c', 'SHA256SUMS'], {
    cwd: directory,
    encoding: 'utf8',
  });
  expect([sums.status, sums.stderr]).toEqual([0, '']);
}

test('mutated plans: refused, whatever their digest; and the same plan is not', () => {
  const plans = inventories.flatMap((text) => {
    const parsed = parse(text, 'base.json');
    if (!parsed.ok) throw new Error('a base is refused');
    return planAll(parsed.inventory).slice(0, 1).map(planText);
  });
  const codes = new Map<string, number>();
  fc.assert(
    fc.property(
      fc.constantFrom(...plans),
      fc.array(mutation, { maxLength: 3 }),
      slips,
      fc.boolean(),
      (base, mutations, slip, signed) => {
        const plan = mutated(base, mutations);
        if (signed && typeof plan === 'object' && plan !== null && !Array.isArray(plan)) {
          plan.digest = planDigest(plan);
        }
        const text = slipped(JSON.stringify(plan), slip);
        const read = readPlan(text, 'fuzz.json');
        if (read.ok) {
          expect(canonical(JSON.parse(text))).toBe(canonical(JSON.parse(base)));
          return;
        }
        expectReadable(read.diagnostics, text);
        for (const { code } of read.diagnostics) codes.set(code, (codes.get(code) ?? 0) + 1);
      },
    ),
    { numRuns: runs },
  );
  expect(codes.size).toBeGreaterThan(3);
  if (process.env.PLAN_FUZZ) console.log(Object.fromEntries(codes));
});

// The rules of this project, held by all templates and by the scripts that are rendered from them.

import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { bundle } from '../../compiler/bundle/bundle.ts';
import { planAll } from '../../compiler/compile.ts';
import { formatDiagnostics } from '../../compiler/diagnostic.ts';
import { isRecoveryScript, marks } from '../../compiler/emit/parts.ts';
import { loadTemplates } from '../../compiler/emit/templates.ts';
import { parse } from '../../compiler/inventory/parse.ts';
import type { Plan } from '../../compiler/plan/ir.ts';
import { bundleOf, examples } from '../goldens.ts';
import type { Source } from './bash.ts';
import { checkBash, checkListed } from './check.ts';
import {
  recoverExceptions,
  reviewExceptions,
  scriptExceptions,
  triageExceptions,
} from './exceptions.ts';
import { inWords } from './findings.ts';
import { checkEnding, checkEngine, checkWidth } from './form.ts';

/** The first line of what recover.sh has from the templates. */
const libraryMark = '# --- from the library of the scripts';

const anyExceptions = { ...scriptExceptions, ...recoverExceptions };

const home = fileURLToPath(new URL('../../templates/', import.meta.url));

const template = (path: string): Source => ({ path, text: readFileSync(`${home}${path}`, 'utf8') });

/** What scripts are made of, as it is in the repository. */
const templates = ['guards', 'library', 'steps']
  .flatMap((folder) => readdirSync(`${home}${folder}`).map((name) => `${folder}/${name}`))
  .concat('environment.sh', 'main.sh')
  .map(template);

/** What only triage.sh has. */
const triage = readdirSync(`${home}triage`)
  .filter((name) => name.endsWith('.sh'))
  .map((name) => template(`triage/${name}`));

/** The files of all examples. */
const files: readonly Source[] = (
  await Promise.all(
    examples().map(async (example) =>
      (await bundleOf(example)).map(({ path, text }) => ({ path: `${example}/${path}`, text })),
    ),
  )
).flat();

const recovery = files.filter(({ path, text }) => path.endsWith('.sh') && isRecoveryScript(text));
const recover = files.filter(({ path }) => path.endsWith('/recover.sh'));

/** A script without the functions that come from the templates. */
function pageOf({ path, text }: Source): Source {
  return { path, text: text.slice(0, text.indexOf(`\n${marks.functions}\n`) + 1) };
}

/** recover.sh without the functions that come from the templates. */
function ownPartOf({ path, text }: Source): Source {
  return { path, text: text.slice(0, text.indexOf(`\n${libraryMark}\n`) + 1) };
}

test('every template is checked', () => {
  const all = readdirSync(home, { recursive: true, encoding: 'utf8' });
  const bash = all.filter((path) => path.endsWith('.sh'));
  const checked = [...[...templates, ...triage].map(({ path }) => path), 'review.sh'];
  expect(checked.sort()).toEqual(bash.sort());
  expect(all.filter((path) => path.endsWith('.sh.hbs')).sort()).toEqual([
    'recover.sh.hbs',
    'script.sh.hbs',
    'triage.sh.hbs',
  ]);
});

describe('no rule is broken', () => {
  test('by the templates and every page, and every exception is needed', () => {
    expect(recovery.length).toBeGreaterThan(100);
    const used = new Set<string>();
    const found = checkBash([...templates, ...recovery.map(pageOf)], scriptExceptions, (name, by) =>
      used.add(`${name} ${by}`),
    );
    expect(found.map(inWords)).toEqual([]);
    const stated = Object.entries(scriptExceptions).flatMap(([name, { runs }]) =>
      runs.map((by) => `${name} ${by}`),
    );
    expect([...used].sort()).toEqual(stated.sort());
  });

  test('by the commands that pages list', () => {
    expect(recovery.flatMap(checkListed).map(inWords)).toEqual([]);
  });

  test('by the complete scripts of a bundle, each on its own', () => {
    const complete = recovery.filter(({ path }) => path.startsWith('three-servers-two-lost/'));
    expect(complete).toHaveLength(17);
    for (const script of complete) {
      expect(checkBash([script], scriptExceptions).map(inWords)).toEqual([]);
    }
  });

  test('by recover.sh', () => {
    expect(recover.length).toBeGreaterThan(5);
    for (const source of recover) {
      const others = templates.filter(({ path }) => path !== 'main.sh');
      const sources = [...others, ownPartOf(source)];
      expect(checkBash(sources, anyExceptions).map(inWords)).toEqual([]);
      expect(checkWidth(source, libraryMark).map(inWords)).toEqual([]);
      expect(checkEnding(source)).toEqual([]);
    }
  });

  test('by triage.sh, and every exception of its own is needed', () => {
    const used = new Set<string>();
    const own = files.filter(({ path }) => path.endsWith('/triage.sh')).map(ownPartOf);
    expect(own.length).toBeGreaterThan(5);
    const others = templates.filter(({ path }) => path !== 'main.sh');
    const exceptions = { ...scriptExceptions, ...triageExceptions };
    const found = checkBash([...others, ...triage, ...own], exceptions, (name, by) =>
      used.add(`${name} ${by}`),
    );
    expect(found.map(inWords)).toEqual([]);
    const stated = Object.entries(triageExceptions).flatMap(([name, { runs }]) =>
      runs.map((by) => `${name} ${by}`),
    );
    expect(stated.filter((each) => !used.has(each))).toEqual([]);
    expect(triage.flatMap((source) => checkWidth(source, '')).map(inWords)).toEqual([]);
  });

  test('by review.sh', () => {
    const review = template('review.sh');
    expect(checkBash([review], reviewExceptions).map(inWords)).toEqual([]);
    expect(checkWidth(review, '').map(inWords)).toEqual([]);
  });

  test('by the form of the scripts', () => {
    expect(checkEngine(recovery).map(inWords)).toEqual([]);
    expect(recovery.flatMap(checkEnding).map(inWords)).toEqual([]);
    expect(recovery.flatMap((source) => checkWidth(source, marks.functions)).map(inWords)).toEqual(
      [],
    );
  });
});

/** An inventory with values as long as they may be, or nearly. */
function longInventory(): string {
  const long = (start: string, length: number) => start + 'x'.repeat(length - start.length);
  const path = (name: string) => `/it's ${'a'.repeat(200)}/${'b'.repeat(200)}/${name}`;
  const host = (number: number, mode: string, state: string) => ({
    id: long(`h${number}`, 63),
    mode,
    state,
    addresses: [`${long(`a${number}`, 60)}.${'b'.repeat(60)}.example`, `2001:db8::${number}`],
    dataDirectory: path('data'),
    machineId: String(number).repeat(32),
    service: long(`s${number}`, 63),
  });
  const hosts = [
    host(1, 'server', 'alive'),
    host(2, 'server', 'returning'),
    host(3, 'server', 'replaced'),
    host(4, 'client', 'alive'),
    host(5, 'client', 'replaced'),
  ];
  return JSON.stringify({
    cluster: long('c', 40),
    api: { scheme: 'https', caCert: path('a'), clientCert: path('b'), clientKey: path('c') },
    swarm: { stack: long('t', 60) },
    recovery: {
      snapshot: { source: 'freshest', path: path('snapshot.db') },
      tools: { directory: path('bin') },
    },
    hosts,
  });
}

const tools = [
  { name: 'etcd', architecture: 'amd64', version: '3.6.8', sha256: 'a'.repeat(64) },
  { name: 'jq', architecture: 'arm64', version: '1.8.1', sha256: 'b'.repeat(64) },
] as const;

test.each([
  ['without tools', (plan: Plan) => plan],
  ['with tools', (plan: Plan) => ({ ...plan, tools })],
])('long values break no rule, %s', (_, change) => {
  const text = longInventory();
  const parsed = parse(text, 'long.json');
  if (!parsed.ok) throw new Error(formatDiagnostics(parsed.diagnostics, { colour: false }));
  const scripts = [...bundle(planAll(parsed.inventory).map(change), text, loadTemplates())].filter(
    ({ path }) => path.endsWith('.sh') && !/^(review|triage)\.sh$/u.test(path),
  );
  expect(scripts.length).toBeGreaterThan(15);
  for (const script of scripts) {
    const end = script.path === 'recover.sh' ? libraryMark : marks.functions;
    const found = [...checkWidth(script, end), ...checkListed(script)];
    expect([...found, ...checkBash([script], anyExceptions)].map(inWords)).toEqual([]);
  }
});

test('a change that leaves the gate of any template is found', () => {
  const missed: string[] = [];
  let tried = 0;
  for (const source of templates) {
    // Not in a comment, and not the function itself.
    for (const { index } of source.text.matchAll(/(?<=^[^#\n]*)\bmutate (?=[^.#])/gmu)) {
      tried += 1;
      const text = source.text.slice(0, index) + source.text.slice(index + 'mutate '.length);
      const sources = templates.map((each) => (each === source ? { ...source, text } : each));
      const found = checkBash(sources, scriptExceptions);
      const line = source.text.slice(0, index).split('\n').length;
      if (!found.some(({ rule }) => rule === 'change')) missed.push(`${source.path}:${line}`);
    }
  }
  expect(tried).toBeGreaterThan(100);
  expect(missed).toEqual([]);
}, 300_000);

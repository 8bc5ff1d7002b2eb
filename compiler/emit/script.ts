// Plan + turn -> one standalone bash script. Pure: the same plan gives the same bytes.

import type { Host, HostId } from '../hosts.ts';
import { apiTls, apiUrl, clientUrl, peerUrl, tokenOf } from '../plan/addresses.ts';
import type { Plan, Turn } from '../plan/ir.ts';
import { factKey, hostOf, type Place, phaseWords, placeOf } from '../plan/order.ts';
import { sha256 } from '../sha256.ts';
import { callOf, reasonOf, type StepKind, steps, titleOf } from '../steps/all.ts';
import type { Fact } from '../steps/facts.ts';
import { guardsOf } from './guards.ts';
import { commandLines, pageContext } from './page.ts';
import { marks, partNames, type ScriptParts } from './parts.ts';
import { type Piece, reached } from './pieces.ts';
import { remembered } from './remembered.ts';
import { render, type Templates } from './templates.ts';
import { toolLines, toolPlaces, toolsCall } from './tool-list.ts';
import { toolsOf } from './tools.ts';

/** A file of the bundle. `mode` is octal, such as 0o755. */
export interface EmittedFile {
  readonly path: string;
  readonly mode: number;
  readonly text: string;
}

/** A line of emitted bash is at most this long. */
const width = 100;

/** Functions of the library that every script calls from outside of its steps. */
const alwaysCalled = [
  ...['start', 'begin_changes', 'begin', 'finish', 'on_error', 'on_exit'],
  ...['say', 'stop', 'mutate'],
] as const;

/** Emits the script of one turn. Throws where a template of a step is missing: our own bug. */
export function emitScript(plan: Plan, turn: Turn, templates: Templates): EmittedFile {
  return scriptFile(turn, scriptParts(plan, turn, templates));
}

/** The script of a turn from its parts. */
export function scriptFile(turn: Turn, parts: ScriptParts): EmittedFile {
  const { header, page, functions, engine } = parts;
  return { path: turn.path, mode: 0o755, text: `${header}${page}${functions}${engine}` };
}

/** The parts of the script of one turn. */
export function scriptParts(plan: Plan, turn: Turn, templates: Templates): ScriptParts {
  const calls = turn.steps.map((step) => callOf(step));
  const guards = guardsOf(turn).map((guard) => guard.replaceAll('-', '_'));
  const body = bodyOf(calledBy(plan, turn), templates);
  const needs = probedNeeds(turn).map((fact) => ({
    ...needCall(fact),
    host: 'host' in fact ? [fact.host] : [],
    script: yieldedBy(plan, turn, fact),
  }));
  const earlier = externalNeeds(turn).map((fact) => yieldedBy(plan, turn, fact));
  const tools = toolsFor(plan, turn, templates);
  const options = [...new Set(calls.flatMap((call) => call.options))].sort();
  const values = valuesOf(plan, turn, tools, options, body.reads);
  const context = pageContext(plan, hostOf(plan, turn.host), hostOf(plan, plan.recovery.host));
  const view = {
    environment: templates.environment,
    values,
    guards,
    needs,
    steps: turn.steps.map((step, index) => {
      const { name, args } = calls[index] ?? callOf(step);
      const commands = commandLines(step, context, templates, width - 2);
      const inline = `  ${name} ${args.map((arg) => `'${arg}'`).join(' ')}`;
      return {
        guide: step.guide,
        title: titleOf(step),
        comment: wrap(reasonOf(step), width - 4),
        name,
        args,
        commands,
        between: inline.length <= width ? ' ' : ' \\\n    ',
      };
    }),
    next: turn.next,
    nextBetween: ' \\\n    ',
  };
  const page = render(templates.script, view);
  const stated = {
    page: sha256(page),
    functions: body.functionsDigest,
    engine: body.engineDigest,
  };
  const manual = manualOf(plan, turn, earlier, stated);
  const header = ['#!/usr/bin/env bash', ...manual.map((line) => `#${line}`), '', ''].join('\n');
  return { header, page, functions: body.functionsText, engine: body.engineText, stated };
}

/**
 * The commands a script asks for: its own, and in phase 1 those of every later script that is expected
 * to run on the same machine, because nothing may be found missing after the first change.
 */
function toolsFor(plan: Plan, turn: Turn, templates: Templates): readonly string[] {
  const preparing = turn.steps.some((step) => step.kind === 'choose-snapshot');
  const turns = preparing
    ? plan.phases
        .flatMap((phase) => [...phase.turns])
        .filter((other) => other.host === turn.host && other.when === 'always')
    : [turn];
  return [...new Set(turns.flatMap((one) => toolsOfTurn(plan, one, templates)))].sort();
}

const toolsByCalls = new WeakMap<Templates, Map<string, readonly string[]>>();

/** The commands that the script of a turn runs. */
export function toolsOfTurn(plan: Plan, turn: Turn, templates: Templates): readonly string[] {
  const called = calledBy(plan, turn);
  const known = toolsByCalls.get(templates) ?? new Map<string, readonly string[]>();
  toolsByCalls.set(templates, known);
  const key = called.join();
  const body = bodyOf(called, templates);
  const found =
    known.get(key) ??
    toolsOf(
      [...alwaysCalled, ...called],
      [...body.functions, ...body.engine].map(({ text }) => text),
    );
  known.set(key, found);
  return found;
}

/** The functions that ask for a fact: a host that was removed need not be back. */
function needCall({ fact }: Fact): { readonly call: 'need' | 'need_back'; readonly fact: string } {
  return fact === 'member-back' || fact === 'client-back'
    ? { call: 'need_back', fact: '' }
    : { call: 'need', fact: fact.replaceAll('-', '_') };
}

/** The verbatim bash of a script, which many scripts have in common. */
interface Body {
  /** What only some scripts carry: settings first, then functions in the order of the page. */
  readonly functions: readonly Piece[];
  /** What every script carries, the same in all of them. */
  readonly engine: readonly Piece[];
  readonly functionsText: string;
  readonly engineText: string;
  readonly functionsDigest: string;
  readonly engineDigest: string;
  /** Whether the bash reads a value. */
  readonly reads: (name: string) => boolean;
}

const bodies = new WeakMap<Templates, Map<string, Body>>();

/** Thousands of scripts of a large cluster call the same few sets of functions. */
function bodyOf(called: readonly string[], templates: Templates): Body {
  const known = bodies.get(templates) ?? new Map<string, Body>();
  bodies.set(templates, known);
  const key = called.join(' ');
  const found = known.get(key);
  if (found !== undefined) return found;
  const defined = new Set(templates.pieces.map(({ name }) => name));
  const missing = [...alwaysCalled, ...called].filter((name) => !defined.has(name));
  if (missing.length > 0) throw new Error(`templates/ has no function ${missing.join(', ')}`);
  const engine = reached([alwaysCalled.join(' ')], templates.pieces);
  const functions = reached(called, templates.pieces).filter((piece) => !engine.includes(piece));
  const read = [...functions, ...engine].map(({ text }) => valuesReadBy(text));
  const functionsText = part(marks.functions, functions, '');
  const engineText = part(marks.engine, engine, templates.main);
  const body: Body = {
    functions,
    engine,
    functionsText,
    engineText,
    functionsDigest: sha256(functionsText),
    engineDigest: sha256(engineText),
    reads: (name) => read.some((names) => names.has(name)),
  };
  known.set(key, body);
  return body;
}

/** A part of a script: its mark, its pieces, each after an empty line, and its last lines. */
function part(mark: string, pieces: readonly Piece[], last: string): string {
  return `${[mark, ...pieces.map(({ text }) => text), last].join('\n\n').trimEnd()}\n${last === '' ? '\n' : ''}`;
}

/** The names of the functions that the page of a turn calls, in its order. */
function calledBy({ tools }: Plan, turn: Turn): readonly string[] {
  const names = [...guardsOf(turn), ...turn.steps.map((step) => step.kind)];
  const called = [
    ...(tools === undefined ? [] : [toolsCall]),
    ...probedNeeds(turn).flatMap((fact) => Object.values(needCall(fact))),
    ...names.map((name) => name.replaceAll('-', '_')),
  ];
  return [...new Set(called)].filter((name) => name !== '');
}

/** Only a host itself can show these facts about it; elsewhere a later step relies on another proof. */
const ownFacts: readonly Fact['fact'][] = [
  'in-swarm',
  'service-stopped',
  'state-set-aside',
  'uninitialised',
];

/** The needs that a script can probe where it runs. */
function probedNeeds(turn: Turn): readonly Fact[] {
  return externalNeeds(turn).filter(
    (fact) => !(ownFacts.includes(fact.fact) && 'host' in fact && fact.host !== turn.host),
  );
}

/** The values bash text reads: `${NAME}`, `${#NAME[@]}` and the like, and names in `((...))`. */
const valuesReadBy = remembered((text) => {
  const expanded = [...text.matchAll(/\$\{[#!]?([A-Z_]+)\b/gu)].map(([, name = '']) => name);
  const counted = text
    .match(/\(\([^()]*/gu)
    ?.flatMap((inside) => inside.match(/[A-Z_]{2,}/gu) ?? []);
  return new Set([...expanded, ...(counted ?? [])]);
});

type Value =
  | { readonly name: string; readonly list: false; readonly text: string }
  | {
      readonly name: string;
      readonly list: true;
      readonly items: readonly { readonly before: string; readonly text: string }[];
      readonly after: string;
    };

/** The values a script reads, in one fixed order. Others are not computed: some lists have every host. */
function valuesOf(
  plan: Plan,
  turn: Turn,
  tools: readonly string[],
  options: readonly string[],
  reads: Body['reads'],
): readonly Value[] {
  const host = hostOf(plan, turn.host);
  const recovery = hostOf(plan, plan.recovery.host);
  const { api, stack } = plan.cluster;
  const { deadlines } = plan.recovery;
  const all: readonly (readonly [string, (name: string) => Value])[] = [
    ['CLUSTER', (name) => one(name, plan.cluster.name)],
    ['PLAN', (name) => one(name, plan.name)],
    ['SCRIPT', (name) => one(name, turn.path)],
    ['HOST', (name) => one(name, host.id)],
    ['HOST_ADDRESSES', (name) => many(name, host.addresses)],
    ['MACHINE_ID', (name) => one(name, host.machineId ?? '')],
    ['DATA_DIR', (name) => one(name, host.dataDirectory)],
    ['SERVICE', (name) => one(name, host.service)],
    ['API', (name) => one(name, apiUrl(api, host))],
    ['API_PORT', (name) => one(name, String(host.ports.api))],
    ['CLIENT_PORT', (name) => one(name, String(host.ports.etcdClient))],
    ['PEER_PORT', (name) => one(name, String(host.ports.etcdPeer))],
    ['CLIENT_URL', (name) => one(name, clientUrl(host))],
    ['PEER_URL', (name) => one(name, peerUrl(host))],
    ['RECOVERY_HOST', (name) => one(name, recovery.id)],
    ['RECOVERY_API', (name) => one(name, apiUrl(api, recovery))],
    ['RECOVERY_ENDPOINT', (name) => one(name, clientUrl(recovery))],
    ['RECOVERY_PEER_URL', (name) => one(name, peerUrl(recovery))],
    ['RECOVERY_SERVICE', (name) => one(name, recovery.service)],
    ['SERVERS', (name) => many(name, indexOf(plan).servers)],
    // Who may be confirmed as stopped.
    ['HOSTS', (name) => many(name, options.includes('--fenced') ? otherHosts(plan, host) : [])],
    // One line for each address of every other server host, and the service of each server host.
    ['OTHERS', (name) => many(name, othersOf(plan, host))],
    ['SERVICES', (name) => many(name, servicesOf(plan))],
    ['DOCKER_SOCKET', (name) => one(name, plan.cluster.dockerSocket)],
    ['QUORUM_TARGET', (name) => one(name, String(plan.quorum.target))],
    // The scripts of phases 1 to 4, which need_first pairs with its facts by their place; `HOST BACK
    // REMOVAL JOIN` for every other host.
    ['CHAIN', (name) => many(name, chainOf(plan))],
    ['WAYS', (name) => many(name, indexOf(plan).ways)],
    // The first script, the one that starts the recovery host, and the way back of this host.
    ['FIRST_SCRIPT', (name) => one(name, indexOf(plan).first)],
    ['START_SCRIPT', (name) => one(name, indexOf(plan).start)],
    ['UNDO_SCRIPT', (name) => one(name, indexOf(plan).undo.get(host.id) ?? '')],
    ['STACK', (name) => one(name, stack)],
    ['API_TLS', (name) => many(name, apiTls(api))],
    ['SNAPSHOT_FILE', (name) => one(name, plan.recovery.snapshot.path ?? '')],
    ['SNAPSHOT_SUM', (name) => one(name, plan.recovery.snapshot.sha256 ?? '')],
    ['CLUSTER_TOKEN', (name) => one(name, tokenOf(plan))],
    // With tools in the bundle, take_tools sets TOOLS_DIR.
    [
      plan.tools === undefined ? 'TOOLS_DIR' : 'HOST_TOOLS_DIR',
      (name) => one(name, plan.recovery.toolsDirectory ?? ''),
    ],
    ['BUNDLE_TOOLS', (name) => many(name, toolLines(plan))],
    ['TOOLS_PLACES', (name) => many(name, toolPlaces(plan, turn.path))],
    ['TOOLS', (name) => filled(name, tools)],
    ['OPTIONS', (name) => many(name, options)],
    ['DEADLINE_STOP', (name) => one(name, String(deadlines.stop))],
    ['DEADLINE_SWARM', (name) => one(name, String(deadlines.swarm))],
    ['DEADLINE_ETCD', (name) => one(name, String(deadlines.etcd))],
    ['DEADLINE_API', (name) => one(name, String(deadlines.api))],
    ['DEADLINE_FRESH', (name) => one(name, String(deadlines.fresh))],
    ['DEADLINE_TASK', (name) => one(name, String(deadlines.task))],
    ['DEADLINE_JOIN', (name) => one(name, String(deadlines.join))],
  ];
  return all.filter(([name]) => reads(name)).map(([name, value]) => value(name));
}

/** `HOST ADDRESS API CLIENT PEER` for each address of each server host other than this one. */
function othersOf(plan: Plan, host: Host): readonly string[] {
  return plan.cluster.hosts
    .filter(({ id, mode }) => mode === 'server' && id !== host.id)
    .flatMap(({ id, addresses, ports }) =>
      addresses.map((address) =>
        [id, address, ports.api, ports.etcdClient, ports.etcdPeer].join(' '),
      ),
    );
}

function otherHosts(plan: Plan, host: Host): readonly string[] {
  return plan.cluster.hosts.map(({ id }) => id).filter((id) => id !== host.id);
}

/** `HOST SERVICE` of each server host. */
function servicesOf(plan: Plan): readonly string[] {
  return plan.cluster.hosts
    .filter(({ mode }) => mode === 'server')
    .map(({ id, service }) => `${id} ${service}`);
}

/** What shows that each script of phases 1 to 4 has been run, in the order of need_first. */
const chain: readonly Fact[] = [
  { fact: 'snapshot-chosen' },
  { fact: 'etcd-restored' },
  { fact: 'membership-rewritten' },
  { fact: 'api-answers' },
];

/** The scripts that {@link chain} shows; `-` where a plan leaves out the step that would show it. */
function chainOf(plan: Plan): readonly string[] {
  const { yielding } = indexOf(plan);
  return chain.map((fact) => yielding.get(factKey(fact))?.[0] ?? '-');
}

function one(name: string, text: string): Value {
  return { name, list: false, text };
}

function many(name: string, items: readonly string[]): Value {
  const inline = `readonly -a ${name}=(${items.map((item) => `'${item}'`).join(' ')})`;
  const fits = inline.length <= width;
  return {
    name,
    list: true,
    items: items.map((text, index) => ({ before: fits ? (index ? ' ' : '') : '\n  ', text })),
    after: fits ? '' : '\n',
  };
}

/** As {@link many}, with as many items in a line as it holds. */
function filled(name: string, items: readonly string[]): Value {
  const value = many(name, items);
  if (!value.list || value.after === '') return value;
  let column = width;
  const placed = value.items.map(({ text }) => {
    const length = text.length + 3;
    const fits = column + length <= width;
    column = fits ? column + length : length + 1;
    return { before: fits ? ' ' : '\n  ', text };
  });
  return { ...value, items: placed };
}

interface PlanIndex {
  readonly servers: readonly HostId[];
  /** By fact, the scripts that yield it: those of the expected way first, in the plan's order. */
  readonly yielding: ReadonlyMap<string, readonly string[]>;
  /**
   * `HOST BACK REMOVAL JOIN` for every host but the recovery host: the scripts that bring it back with
   * its data, remove it, and join it; `-` where there is none.
   */
  readonly ways: readonly string[];
  readonly first: string;
  readonly start: string;
  /** By host, its script in `undo/`. */
  readonly undo: ReadonlyMap<HostId, string>;
}

// A cluster of a thousand hosts has thousands of scripts, and each asks.
const indexes = new WeakMap<Plan, PlanIndex>();

function indexOf(plan: Plan): PlanIndex {
  const known = indexes.get(plan);
  if (known !== undefined) return known;
  const yielding = new Map<string, string[]>();
  const turns = plan.phases.flatMap((phase) => [...phase.turns]);
  const expected = turns.filter((turn) => turn.when === 'always');
  for (const turn of [...expected, ...turns.filter((turn) => turn.when !== 'always')]) {
    for (const key of new Set(turn.steps.flatMap((step) => step.yields.map(factKey)))) {
      const paths = yielding.get(key);
      if (paths === undefined) yielding.set(key, [turn.path]);
      else paths.push(turn.path);
    }
  }
  const servers = plan.cluster.hosts.filter((host) => host.mode === 'server');
  const byKind = new Map<string, string>();
  for (const turn of turns) {
    for (const { kind } of turn.steps) byKind.set(`${kind} ${turn.subject}`, turn.path);
  }
  const path = (host: HostId, ...kinds: StepKind[]) =>
    kinds.map((kind) => byKind.get(`${kind} ${host}`)).find((found) => found !== undefined) ?? '-';
  const ways = plan.cluster.hosts
    .filter(({ id }) => id !== plan.recovery.host)
    .map(({ id }) => [
      id,
      path(id, 'start-reattached', 'start-client'),
      path(id, 'remove-record'),
      // A client host is cleared on itself first, and its join follows.
      path(id, 'clear-for-join'),
    ])
    .map((way) => way.join(' '));
  const pathOf = (role: Turn['role']) => turns.find((turn) => turn.role === role)?.path ?? '';
  const undo = plan.asides.filter(({ when }) => when === 'undo');
  const index = {
    servers: servers.map((host) => host.id),
    yielding,
    ways,
    first: pathOf('prepare'),
    start: pathOf('start'),
    undo: new Map(undo.map(({ host, path }) => [host, path])),
  };
  indexes.set(plan, index);
  return index;
}

/** What a turn needs that no earlier step of its own yields: probed before its first step. */
function externalNeeds(turn: Turn): readonly Fact[] {
  const yielded = new Set<string>();
  const needs = new Map<string, Fact>();
  for (const step of turn.steps) {
    for (const fact of step.needs) {
      if (!yielded.has(factKey(fact))) needs.set(factKey(fact), fact);
    }
    for (const fact of step.yields) yielded.add(factKey(fact));
  }
  return [...needs.values()];
}

/** The script that brings a fact about: of the expected way if one does, else of another. */
function yieldedBy(plan: Plan, turn: Turn, fact: Fact): string {
  const paths = indexOf(plan).yielding.get(factKey(fact)) ?? [];
  const found = paths.find((path) => path !== turn.path);
  if (found === undefined) throw new Error(`${turn.path}: nothing yields ${factKey(fact)}`);
  return found;
}

/** The header, which is also the first half of --help. Each line starts with a space, or is empty. */
function manualOf(
  plan: Plan,
  turn: Turn,
  earlier: readonly string[],
  digests: ScriptParts['stated'],
): readonly string[] {
  const host = hostOf(plan, turn.host);
  const changes = changesOf(turn);
  const rank = (path: string) => placeOf(plan, path)?.rank ?? 0;
  const before = [...new Set(earlier)].sort((a, b) => rank(a) - rank(b));
  const guide = [...new Set(turn.steps.map((step) => step.guide))].join(' ');
  const place = placeOf(plan, turn.path);
  const field = (name: string, text: string) => {
    const [first = '', ...rest] = wrap(text, width - 14);
    return [`   ${name.padEnd(9)} ${first}`, ...rest.map((line) => `${' '.repeat(13)}${line}`)];
  };
  return [
    ` ${turn.path}: ${turn.title}`,
    '',
    ...wrap(
      `Plan ${plan.name} of cluster ${plan.cluster.name}, recovery from total quorum loss. ` +
        'Without options it looks and changes nothing; --apply acts. Generated: change the ' +
        'inventory or the templates and compile again.',
      width - 2,
    ).map((line) => ` ${line}`),
    '',
    ...field('where', `${host.id} (${host.addresses.join(', ')}), as root`),
    ...field('why', turn.reason),
    ...(place !== null && turn.when === 'if-needed' ? field('when', placeWords(place)) : []),
    ...field('guide', place === null ? guide : `${phaseWords(place)}: ${guide}`),
    ...(before.length > 0 ? field('after', before.join(', ')) : []),
    ...(changes.length > 0 ? field('changes', changes.join('; ')) : []),
    ...turn.omits.flatMap((omit) => field('left out', `guide ${omit.guide}: ${omit.because}`)),
    ...partNames.flatMap((name) => field(name, `sha256:${digests[name]}`)),
  ];
}

/** Where a script belongs that is run only if needed. */
function placeWords({ after, before }: Place): string {
  return `only if a script or the runbook says so; after ${after}, before ${before}`;
}

/** What the turn changes, by the titles of its steps; nothing if it only looks. */
function changesOf(turn: Turn): readonly string[] {
  const changing = turn.steps.filter(({ kind }) => steps[kind].effect === 'changes');
  return changing.map((step) => `${step.guide} ${titleOf(step)}`);
}

/** Words in lines of at most `columns`. */
function wrap(text: string, columns: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}

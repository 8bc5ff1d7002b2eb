// Plan + turn -> one standalone bash script. Pure: the same plan gives the same bytes.

import { createHash } from 'node:crypto';
import { apiUrl, etcdUrl } from '../plan/addresses.ts';
import type { Fact, Host, HostId, Plan, Step, StepKind, Turn } from '../plan/ir.ts';
import { factKey } from '../plan/order.ts';
import { callOf } from './calls.ts';
import { render, type Templates } from './templates.ts';

/** A file of the bundle. `mode` is octal, such as 0o755. */
export interface EmittedFile {
  readonly path: string;
  readonly mode: number;
  readonly text: string;
}

/** A line of emitted bash is at most this long. */
const width = 100;

/** Commands every script uses, through the library. */
const commonTools = [
  'awk',
  'curl',
  'flock',
  'getent',
  'grep',
  'hostname',
  'jq',
  'sed',
  'setpriv',
  'stat',
  'timeout',
] as const;

/** Emits the script of one turn. Throws where a template of a step is missing: our own bug. */
export function emitScript(plan: Plan, turn: Turn, templates: Templates): EmittedFile {
  const calls = turn.steps.map((step) => callOf(step));
  const body = bodyOf([...new Set(turn.steps.map((step) => step.kind))], templates);
  const needs = externalNeeds(turn).map((fact) => ({
    fact: fact.fact,
    host: 'host' in fact ? fact.host : '',
    script: yieldedBy(plan, turn, fact),
  }));
  const tools = [...new Set([...commonTools, ...calls.flatMap((call) => call.tools)])].sort();
  const options = [...new Set(calls.flatMap((call) => call.options))].sort();
  const values = valuesOf(plan, turn, tools, options).filter(({ name }) => body.reads(name));
  const digest = createHash('sha256')
    .update(JSON.stringify([turn, values, needs, body.digest]))
    .digest('hex');
  const view = {
    manual: manualOf(plan, turn, needs, digest),
    values,
    needs,
    steps: turn.steps.map((step, index) => {
      const { name, args } = calls[index] ?? callOf(step);
      const inline = `  ${name} ${args.map((arg) => `'${arg}'`).join(' ')}`;
      return {
        guide: step.guide,
        title: step.title,
        comment: wrap(step.reason, width - 4),
        name,
        args,
        between: inline.length <= width ? ' ' : ' \\\n    ',
      };
    }),
    next: turn.next,
    nextBetween: ' \\\n    ',
    functions: body.functions,
    library: templates.library,
  };
  return { path: turn.path, mode: 0o755, text: render(templates.script, view) };
}

/** The verbatim bash of a script, which many scripts have in common. */
interface Body {
  /** Step functions, then the parts of the library they call. */
  readonly functions: readonly string[];
  readonly digest: string;
  /** Whether the bash reads a value. */
  readonly reads: (name: string) => boolean;
}

const bodies = new WeakMap<Templates, Map<string, Body>>();

function bodyOf(kinds: readonly StepKind[], templates: Templates): Body {
  const known = bodies.get(templates) ?? new Map<string, Body>();
  bodies.set(templates, known);
  const found = known.get(kinds.join());
  if (found !== undefined) return found;
  const steps = kinds.map((kind) => {
    const text = templates.steps[kind];
    if (text === undefined) throw new Error(`templates/steps/${kind}.sh is missing`);
    return text;
  });
  const functions = [...steps, ...partsFor(steps, templates)];
  const read = [...functions, templates.library].map(valuesReadBy);
  const body: Body = {
    functions,
    digest: createHash('sha256')
      .update(JSON.stringify([functions, templates.library, templates.script]))
      .digest('hex'),
    reads: (name) => read.some((names) => names.has(name)),
  };
  known.set(kinds.join(), body);
  return body;
}

/** The parts of the library that define what the steps, or other such parts, call by name. */
function partsFor(steps: readonly string[], { parts }: Templates): readonly string[] {
  const called = (texts: readonly string[], part: string) =>
    [...part.matchAll(/^([a-z_0-9]+)\(\) [{(]/gmu)].some(([, name = '']) =>
      texts.some((text) => wordsOf(text).has(name)),
    );
  let chosen = parts.filter((part) => called(steps, part));
  for (let before = -1; chosen.length !== before; ) {
    before = chosen.length;
    const texts = [...steps, ...chosen];
    chosen = parts.filter((part) => chosen.includes(part) || called(texts, part));
  }
  return chosen;
}

/** The bare words of bash text: no comments, and of quoted text only what it substitutes. */
const wordsOf = remembered((text) => {
  const bare = text
    .replace(/(^|\s)#.*$/gmu, '')
    .replace(/'[^']*'/gu, "''")
    .replace(/"(?:[^"\\$]|\\.|\$(?!\())*"/gu, '""');
  return new Set(bare.match(/[a-z_0-9]+/gu));
});

/** The values bash text reads: `${NAME}`, `${#NAME[@]}` and the like, and names in `((...))`. */
const valuesReadBy = remembered((text) => {
  const expanded = [...text.matchAll(/\$\{[#!]?([A-Z_]+)\b/gu)].map(([, name = '']) => name);
  const counted = text
    .match(/\(\([^()]*/gu)
    ?.flatMap((inside) => inside.match(/[A-Z_]{2,}/gu) ?? []);
  return new Set([...expanded, ...(counted ?? [])]);
});

/** Remembers the answer for each text: a bundle asks for the same few texts in every script. */
function remembered<T>(ask: (text: string) => T): (text: string) => T {
  const answers = new Map<string, T>();
  return (text) => {
    const known = answers.get(text);
    if (known !== undefined) return known;
    const answer = ask(text);
    answers.set(text, answer);
    return answer;
  };
}

type Value =
  | { readonly name: string; readonly list: false; readonly text: string }
  | {
      readonly name: string;
      readonly list: true;
      readonly items: readonly { readonly before: string; readonly text: string }[];
      readonly after: string;
    };

/** All values a script may read, in one fixed order. */
function valuesOf(
  plan: Plan,
  turn: Turn,
  tools: readonly string[],
  options: readonly string[],
): readonly Value[] {
  const host = hostOf(plan, turn.host);
  const recovery = hostOf(plan, plan.recovery.host);
  const { api, stack, name } = plan.cluster;
  const { deadlines } = plan.recovery;
  const tls =
    api.scheme === 'https'
      ? ['--cacert', api.caCert, '--cert', api.clientCert, '--key', api.clientKey]
      : [];
  return [
    one('CLUSTER', name),
    one('PLAN', plan.name),
    one('SCRIPT', turn.path),
    one('HOST', host.id),
    many('HOST_ADDRESSES', host.addresses),
    one('MACHINE_ID', host.machineId ?? ''),
    one('DATA_DIR', host.dataDirectory),
    one('SERVICE', host.service),
    one('API', apiUrl(api, host)),
    one('API_PORT', String(host.ports.api)),
    one('CLIENT_PORT', String(host.ports.etcdClient)),
    one('PEER_PORT', String(host.ports.etcdPeer)),
    one('CLIENT_URL', etcdUrl(host, host.ports.etcdClient)),
    one('PEER_URL', etcdUrl(host, host.ports.etcdPeer)),
    one('RECOVERY_HOST', recovery.id),
    one('RECOVERY_API', apiUrl(api, recovery)),
    one('RECOVERY_ENDPOINT', etcdUrl(recovery, recovery.ports.etcdClient)),
    one('RECOVERY_SERVICE', recovery.service),
    many('SERVERS', indexOf(plan).servers),
    one('QUORUM_TARGET', String(plan.quorum.target)),
    one('STACK', stack),
    many('API_TLS', tls),
    one('CLUSTER_TOKEN', `${plan.name}-${plan.inventory.slice(0, 12)}`),
    one('TOOLS_DIR', plan.recovery.toolsDirectory ?? ''),
    many('TOOLS', tools),
    many('OPTIONS', options),
    one('DEADLINE_STOP', String(deadlines.stop)),
    one('DEADLINE_SWARM', String(deadlines.swarm)),
    one('DEADLINE_ETCD', String(deadlines.etcd)),
    one('DEADLINE_API', String(deadlines.api)),
    one('DEADLINE_FRESH', String(deadlines.fresh)),
    one('DEADLINE_TASK', String(deadlines.task)),
    one('DEADLINE_JOIN', String(deadlines.join)),
  ];
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

interface PlanIndex {
  readonly hosts: ReadonlyMap<HostId, Host>;
  readonly servers: readonly HostId[];
  /** By fact, the scripts that yield it: those of the expected way first, in the plan's order. */
  readonly yielding: ReadonlyMap<string, readonly string[]>;
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
  const hosts = new Map(plan.cluster.hosts.map((host) => [host.id, host]));
  const servers = plan.cluster.hosts.filter((host) => host.mode === 'server');
  const index = { hosts, servers: servers.map((host) => host.id), yielding };
  indexes.set(plan, index);
  return index;
}

/** The host of that id. Throws where the plan does not know it: our own bug. */
function hostOf(plan: Plan, id: HostId): Host {
  const host = indexOf(plan).hosts.get(id);
  if (host === undefined) throw new Error(`the plan has no host ${id}`);
  return host;
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
  needs: readonly { readonly script: string }[],
  digest: string,
): readonly string[] {
  const host = hostOf(plan, turn.host);
  const before = [...new Set(needs.map((need) => need.script))].sort();
  const guide = [...new Set(turn.steps.map((step) => step.guide))].join(' ');
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
    ...field('guide', guide),
    ...(before.length > 0 ? field('after', before.join(', ')) : []),
    ...effects(turn.steps).flatMap(([name, text]) => field(name, text)),
    ...turn.omits.flatMap((omit) => field('left out', `guide ${omit.guide}: ${omit.because}`)),
    ...field('inputs', `sha256:${digest}`),
  ];
}

/** What the turn changes and what it sets aside or overwrites, by the titles of its steps. */
function effects(steps: readonly Step[]): readonly (readonly [string, string])[] {
  const titles = (effect: Step['effect']) =>
    steps.filter((step) => step.effect === effect).map((step) => `${step.guide} ${step.title}`);
  return (
    [
      ['changes', titles('changes').join('; ')],
      ['destroys', titles('destroys').join('; ')],
    ] as const
  ).filter(([, text]) => text !== '');
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

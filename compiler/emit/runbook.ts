// Plan -> RUNBOOK.md, the page an operator follows; plans before an incident -> the page to choose.

import type { Host, HostId, Plan, StepKind, Turn } from '../plan/ir.ts';
import { executionOrder } from '../plan/order.ts';
import { render, type Templates } from './templates.ts';

/** The runbook of one plan. Pure: no date, no version, no machine. */
export function emitRunbook(plan: Plan, templates: Templates): string {
  const order = executionOrder(plan);
  const expected = order.filter((turn) => turn.when === 'always');
  const [first] = expected;
  if (first === undefined) throw new Error('a plan without turns');
  const hosts = new Map(plan.cluster.hosts.map((host) => [host.id, host]));
  const kinds = kindsBySubject(expected);
  return render(templates.runbook, {
    cluster: plan.cluster.name,
    plan: plan.name,
    recovery: plan.recovery.host,
    first: first.path,
    notes: lines(plan.cluster.notes),
    hasNotes: plan.cluster.notes !== null,
    facts: facts(plan, expected),
    hosts: plan.cluster.hosts.map((host) => ({
      id: host.id,
      mode: host.mode,
      addresses: host.addresses.join(', '),
      state: host.state ?? 'not declared',
      way: wayOf(host, plan, kinds),
    })),
    hostNotes: plan.cluster.hosts
      .filter((host) => host.notes !== null)
      .map((host) => ({ id: host.id, lines: lines(host.notes) })),
    fencedHosts: fenced(plan),
    costs: costs(plan),
    picture: picture(expected),
    turns: expected.map((turn, index) => turnView(plan, hosts, expected, turn, index)),
    told: order.filter((turn) => turn.when === 'if-told').map(brief),
    undo: plan.asides.filter((turn) => turn.when === 'undo').map(brief),
    snapshots: plan.asides.filter((turn) => turn.when === 'before').map(brief),
  });
}

/** README.md of the bundles made before an incident: which of them to use. */
export function emitChoice(plans: readonly Plan[], templates: Templates): string {
  const [plan] = plans;
  if (plan === undefined) throw new Error('no plan to choose from');
  return render(templates.choice, {
    cluster: plan.cluster.name,
    words: plan.quorum.words,
    notes: lines(plan.cluster.notes),
    hasNotes: plan.cluster.notes !== null,
    threshold: plan.quorum.threshold,
    servers: plan.quorum.servers.length,
    candidates: plans.map((each) => ({
      host: each.recovery.host,
      folder: each.recovery.host,
      address:
        each.cluster.hosts.find((host) => host.id === each.recovery.host)?.addresses[0] ?? '',
      first: `${each.recovery.host}/${executionOrder(each)[0]?.path ?? ''}`,
    })),
  });
}

function lines(notes: string | null): readonly string[] {
  return notes === null ? [] : notes.split('\n');
}

function brief({ path, host, title, reason }: Turn) {
  return { path, host, title, reason };
}

interface Row {
  readonly name: string;
  readonly text: string;
}

function facts(plan: Plan, expected: readonly Turn[]): readonly Row[] {
  const { quorum, recovery } = plan;
  const logIns = expected.filter((turn, index) => expected[index - 1]?.host !== turn.host).length;
  const target =
    quorum.target === 1
      ? 'the recovery host alone'
      : `${quorum.target} voters, reached with ${quorum.reachedBy}`;
  return [
    { name: 'quorum', text: quorum.words },
    { name: 'recovery host', text: `${recovery.host}: ${recovery.because}` },
    { name: 'snapshot', text: snapshotWords(plan) },
    { name: 'target for redundancy', text: target },
    { name: 'way back', text: wayWords[recovery.rejoin] },
    { name: 'expected way', text: `${expected.length} scripts in ${logIns} log-ins` },
  ];
}

const wayWords = {
  evidence: 'by evidence: reattached where disk, record and credentials are there, else joined',
  guide: 'of the guide: every other server host is removed and joined',
} as const;

function snapshotWords({ recovery: { snapshot } }: Plan): string {
  const pinned = snapshot.sha256 === null ? '' : `, pinned to sha256 \`${snapshot.sha256}\``;
  const file = snapshot.path === null ? '' : code(snapshot.path);
  switch (snapshot.source) {
    case 'salvage':
      return 'salvaged from the data of the recovery host';
    case 'freshest':
      return file === ''
        ? 'salvaged from the data of the recovery host, the freshest there are'
        : `the freshest: salvaged from the data of the recovery host, or ${file}${pinned}`;
    case 'saved':
      return `the saved snapshot ${file}${pinned}`;
    case 'raw':
      return `the raw copy ${file}${pinned}; it carries no hash of its own`;
  }
}

/** Inline code that may hold backticks. */
function code(text: string): string {
  return text.includes('`') ? `\`\` ${text} \`\`` : `\`${text}\``;
}

function kindsBySubject(turns: readonly Turn[]): ReadonlyMap<HostId, ReadonlySet<StepKind>> {
  const kinds = new Map<HostId, Set<StepKind>>();
  for (const { subject, steps } of turns) {
    const known = kinds.get(subject) ?? new Set();
    for (const step of steps) known.add(step.kind);
    kinds.set(subject, known);
  }
  return kinds;
}

function wayOf(
  host: Host,
  plan: Plan,
  bySubject: ReadonlyMap<HostId, ReadonlySet<StepKind>>,
): string {
  if (host.id === plan.recovery.host) return 'recovery host';
  const kinds = bySubject.get(host.id) ?? new Set();
  const ways: readonly (readonly [StepKind, string])[] = [
    ['start-reattached', 'reattached'],
    ['remove-record', 'removed'],
    ['join-cluster', 'joined anew'],
    ['start-client', host.state === 'alive' ? 'checked, left alone' : 'started'],
  ];
  const words = ways.filter(([kind]) => kinds.has(kind)).map(([, way]) => way);
  const certain = host.state !== null && host.state !== 'lost';
  return words.join(', ') + (certain ? '' : ' if it comes back with its disk');
}

/** Server hosts other than the recovery host: each may be part of the old quorum. */
function fenced({ cluster, recovery }: Plan): readonly string[] {
  return cluster.hosts
    .filter((host) => host.mode === 'server' && host.id !== recovery.host)
    .map((host) => {
      const why =
        host.state === 'alive'
          ? 'is alive: its service is stopped by the first script, which waits until its ports close'
          : 'stays off, or cut off, until its own script is run';
      return `${host.id} (${host.addresses.join(', ')}) ${why}`;
    });
}

interface Cost {
  readonly title: string;
  readonly text: string;
}

/** What the inventory's choices cost; nothing where it keeps the defaults. */
function costs({ recovery }: Plan): readonly Cost[] {
  const all: readonly (Cost & { readonly chosen: boolean })[] = [
    {
      chosen: recovery.rewriteMembership === 'skip',
      title: 'The proof on loopback is skipped.',
      text: 'That the restored data start, and hold one voter, shows only when the service starts.',
    },
    {
      chosen: recovery.tokenWindow === 0,
      title: 'There is no token window.',
      text:
        'Databases and client hosts that survived keep their old logins and wait instead of ' +
        'being refused: restart each of them after phase 4, or they stay read-only.',
    },
    {
      chosen: recovery.revisionBump === null,
      title: 'Revisions are not raised.',
      text: 'Watchers that saw later revisions than the snapshot holds miss changes: restart them.',
    },
    {
      chosen: recovery.rejoin === 'guide',
      title: 'Every other server host is removed and joined.',
      text:
        'That takes it out of every database; on a host that survived it stops its Postgres. ' +
        'Afterwards the databases have to be extended to their hosts again by hand.',
    },
    {
      chosen: recovery.restart === 'all-at-once',
      title: 'Phase 8 restarts all hosts at once.',
      text: 'The API is away meanwhile.',
    },
    {
      chosen: recovery.restart === 'none',
      title: 'Phase 8 restarts nothing.',
      text: 'A client host may still list etcd endpoints of before the disaster.',
    },
  ];
  return all.filter(({ chosen }) => chosen).map(({ title, text }) => ({ title, text }));
}

// More hand-overs than this make no picture a person can read.
const pictureLimit = 60;

/** A mermaid sequence diagram of the relay; empty where it would be too large. */
function picture(expected: readonly Turn[]): readonly string[] {
  if (expected.length > pictureLimit) return [];
  const names = [...new Set(expected.map((turn) => turn.host))];
  const alias = (host: HostId) => `h${names.indexOf(host) + 1}`;
  return [
    'actor you',
    ...names.map((host) => `participant ${alias(host)} as ${host}`),
    ...expected.map((turn) => `you->>${alias(turn.host)}: ${turn.path}`),
  ];
}

function turnView(
  plan: Plan,
  hosts: ReadonlyMap<HostId, Host>,
  expected: readonly Turn[],
  turn: Turn,
  index: number,
) {
  const before = expected[index - 1];
  const host = hosts.get(turn.host);
  const address = host?.addresses[0] ?? '';
  return {
    number: index + 1,
    path: turn.path,
    host: turn.host,
    address,
    title: turn.title,
    reason: turn.reason,
    guide: [...new Set(turn.steps.map((step) => step.guide))].join(' '),
    handOver: before?.host === turn.host ? '' : handOver(plan, host, turn),
    effects: effects(plan, hosts, turn),
    omits: turn.omits.map((omit) => `guide ${omit.guide}: ${omit.because}.`),
    warnings: warnings(plan, expected, turn, index),
  };
}

function handOver(plan: Plan, host: Host | undefined, { host: id }: Turn): string {
  const away =
    id !== plan.recovery.host && host !== undefined && host.state !== 'alive'
      ? host.state === 'replaced'
        ? 'connect the new machine, with Docker on it, and '
        : 'power it on or connect it again if that has not been done, and '
      : '';
  return `${away}log in to ${id} (${host?.addresses.join(', ') ?? ''})`;
}

function effects(plan: Plan, hosts: ReadonlyMap<HostId, Host>, turn: Turn): readonly string[] {
  const titles = (effect: 'changes' | 'destroys') => [
    ...new Set(turn.steps.filter((step) => step.effect === effect).map((step) => step.title)),
  ];
  const directory = hosts.get(turn.host)?.dataDirectory ?? '';
  const asideKinds: readonly StepKind[] = [
    'set-etcd-aside',
    'clear-for-reattach',
    'clear-for-join',
  ];
  const aside = turn.steps.some((step) => asideKinds.includes(step.kind));
  const destroyed = titles('destroys');
  return [
    `Changes: ${titles('changes').join('; ')}.`,
    ...(destroyed.length > 0 ? [`**Replaces or removes**: ${destroyed.join('; ')}.`] : []),
    ...(aside
      ? [`Set aside here: ${code(`${directory}/plan-recovery/${plan.name}-1/before/`)}`]
      : []),
  ];
}

function warnings(
  plan: Plan,
  expected: readonly Turn[],
  turn: Turn,
  index: number,
): readonly string[] {
  const back = (one: Turn) => one.steps.some((step) => step.kind === 'prove-voter');
  const isBack = back(turn);
  const before = isBack ? expected.slice(0, index).filter(back).length : 0;
  return [
    ...(turn.steps.some((step) => step.kind === 'token-window')
      ? ['From here on surviving databases can write again.']
      : []),
    ...(isBack && before === 0
      ? [
          '**The fragile moment.** From here there are two voters, and two tolerate no loss: ' +
            'stopping either halts both. Stop, scale and restart nothing until a third votes.',
        ]
      : []),
    ...(isBack && turn.subject === plan.quorum.reachedBy
      ? [`With this host the target of ${plan.quorum.target} voters is reached.`]
      : []),
  ];
}

// Plan -> RUNBOOK.md, which an operator follows; plans before an incident -> README.md to choose one.

import type { Host } from '../hosts.ts';
import { asideFolder, tokenOf } from '../plan/addresses.ts';
import type { Plan, Turn } from '../plan/ir.ts';
import { executionOrder, hostOf, phaseWords, placeOf, turnsAbout } from '../plan/order.ts';
import { lastingOf, steps, titleOf } from '../steps/all.ts';
import { code, type Inline, joined, section, sentence } from './inline.ts';
import { commandsOf, pageContext } from './page.ts';
import { render, type Templates } from './templates.ts';
import { toolViews } from './tool-list.ts';

/** What every form of the runbook says: the one source of its facts. */
export type RunbookView = ReturnType<typeof runbookView>;

/** What RUNBOOK.md says, in Markdown. The same view gives the same bytes. */
export function emitRunbook(view: RunbookView, templates: Templates): string {
  return render(templates.runbook, view);
}

/** What the runbook of a plan says. */
export function runbookView(plan: Plan, templates: Templates) {
  const order = executionOrder(plan);
  const expected = order.filter(isExpected);
  const [first] = expected;
  if (first === undefined) throw new Error('a plan without turns');
  const last = expected.at(-1) ?? first;
  const lasting = lastingOfTurns(expected);
  return {
    cluster: plan.cluster.name,
    plan: plan.name,
    compiler: plan.compiler,
    recovery: plan.recovery.host,
    first: first.path,
    last: last.path,
    folder: tokenOf(plan),
    etcdTools: etcdTools(plan),
    tools: toolViews(plan.tools ?? []),
    files: files(plan),
    chosenByOrder: plan.recovery.chosen === 'order',
    situation: situation(plan),
    neverReturns: neverReturns(plan),
    notes: lines(plan.cluster.notes),
    hasNotes: plan.cluster.notes !== null,
    summary: summary(plan, expected),
    hosts: plan.cluster.hosts.map((host) => ({
      id: host.id,
      mode: host.mode,
      addresses: host.addresses.join(', '),
      state: host.state ?? ('not declared' as const),
      way: wayOf(host, plan),
      back: isExpectedBack(host, plan),
    })),
    votes: votes(plan),
    hostNotes: plan.cluster.hosts
      .filter((host) => host.notes !== null)
      .map((host) => ({ id: host.id, lines: lines(host.notes) })),
    fencedHosts: fenced(plan),
    costs: costs(plan),
    turns: expected.map((turn, index) => ({
      ...turnView(plan, expected, turn, index, templates),
      lasting: lasting[index] ?? [],
    })),
    special: order
      .filter((turn) => turn.when === 'if-needed')
      .map((turn) => ({
        ...brief(turn),
        lasting: turn.steps.some((step) => lastingOf(step)?.certain === true),
        place: placeOf(plan, turn.path),
      })),
    undo: plan.asides.filter((turn) => turn.when === 'undo').map(brief),
    snapshots: plan.asides.filter((turn) => turn.when === 'before').map(brief),
  };
}

/** README.md of bundles for before an incident: which of them to use. */
export function emitChoice(plans: readonly Plan[], templates: Templates): string {
  const [plan] = plans;
  if (plan === undefined) throw new Error('no plan to choose from');
  return render(templates.choice, {
    cluster: plan.cluster.name,
    compiler: plan.compiler,
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

/** How to tell whether this is the right bundle, and which one is if not. */
function situation({ quorum: { servers, threshold, verdict }, recovery, cluster }: Plan) {
  const { length } = servers;
  const total = cluster.hosts.some(({ id, state }) => id === recovery.host && state === 'replaced');
  const setting = sentence`${code('host')} of ${code('recovery')} in the inventory`;
  const compiled =
    verdict === 'lost'
      ? sentence`compile it (${setting})`
      : sentence`the folder of that name next to this one, or compile it (${setting})`;
  return {
    even: length % 2 === 0,
    kept:
      length === 1
        ? 'The only server host is alive and has a leader'
        : length === 2
          ? 'Both server hosts are alive'
          : `${threshold} or more of the ${length} server hosts are alive`,
    lost: total
      ? `No server host is alive, and ${recovery.host} is a new machine`
      : length === 1
        ? `${recovery.host} is there with its disk, and has no leader`
        : `Fewer than ${threshold} are alive, and ${recovery.host} is there with its disk`,
    others:
      length === 1
        ? []
        : [
            {
              found: total
                ? 'A server host comes back with its disk'
                : `Another server host has newer data than ${recovery.host}, or was connected to the others longer`,
              use: sentence`Use the bundle of that host: ${compiled}`,
            },
            {
              found: total
                ? `${recovery.host} cannot be used`
                : `${recovery.host} or its disk is lost`,
              use: total
                ? sentence`Use the bundle of another new machine: ${compiled}`
                : sentence`Use the bundle of a server host that is up with its disk: ${compiled}`,
            },
            {
              found: 'A recovery was started with another bundle',
              use: [
                'Continue with that bundle. Use no script of this one: two recovery hosts are two clusters',
              ],
            },
          ],
  };
}

interface Row {
  readonly name: string;
  readonly text: Inline;
}

function summary(plan: Plan, expected: readonly Turn[]): readonly Row[] {
  const { quorum, recovery } = plan;
  const logIns = expected.filter((turn, index) => expected[index - 1]?.host !== turn.host).length;
  const target =
    quorum.target === 1
      ? 'the recovery host alone'
      : `${quorum.target} voters, reached with ${quorum.reachedBy}`;
  return [
    { name: 'quorum', text: [quorum.words] },
    { name: 'recovery host', text: [`${recovery.host}: ${recovery.because}`] },
    { name: 'snapshot', text: snapshotWords(plan) },
    { name: 'target for redundancy', text: [target] },
    { name: 'hosts come back', text: [wayWords[recovery.rejoin]] },
    { name: 'expected work', text: [`${expected.length} scripts in ${logIns} log-ins`] },
  ];
}

const wayWords = {
  evidence: 'reattached if disk, record and credentials are there, otherwise removed and joined',
  guide: 'as in the guide: every other server host is removed and joined',
} as const;

function snapshotWords({ recovery: { snapshot } }: Plan): Inline {
  const pinned =
    snapshot.sha256 === null ? [] : sentence`, pinned to sha256 ${code(snapshot.sha256)}`;
  const file = [code(snapshot.path ?? ''), ...pinned];
  switch (snapshot.source) {
    case 'salvage':
      return ['salvaged from the data of the recovery host'];
    case 'freshest':
      return snapshot.path === null
        ? ['salvaged from the data of the recovery host: everything that this host had received']
        : sentence`the fresher of two: salvaged from the data of the recovery host, or ${file}`;
    case 'saved':
      return sentence`the saved snapshot ${file}`;
    case 'raw':
      return sentence`the raw copy ${file}; a raw copy contains no hash`;
  }
}

/** Whether a host is in the cluster at the end of the expected way. */
function isExpectedBack({ id }: Host, plan: Plan): boolean {
  const roles: readonly Turn['role'][] = ['reattach', 'join', 'client', 'client-join'];
  return (
    id === plan.recovery.host ||
    turnsAbout(plan, id).some((turn) => isExpected(turn) && roles.includes(turn.role))
  );
}

/** The votes before and during the loss. Before an incident nobody knows which are alive. */
function votes({ quorum: { servers, lost, threshold, verdict } }: Plan) {
  return {
    all: servers.length,
    needed: threshold,
    alive: verdict === 'lost' ? servers.length - lost.length : null,
  };
}

/** What becomes of a host on the expected way. */
function wayOf(host: Host, plan: Plan): string {
  if (host.id === plan.recovery.host) return 'recovery host';
  const roles = new Set(
    turnsAbout(plan, host.id)
      .filter(isExpected)
      .map(({ role }) => role),
  );
  const ways = [
    [roles.has('reattach'), 'reattached'],
    [roles.has('remove'), 'removed'],
    [roles.has('join') || roles.has('client-join'), 'joined again'],
    [roles.has('client'), host.state === 'alive' ? 'checked, left alone' : 'started'],
  ] as const;
  const words = ways.filter(([taken]) => taken).map(([, way]) => way);
  const certain = host.state !== null && host.state !== 'lost';
  return words.join(', ') + (certain ? '' : ' if it comes back with its disk');
}

function isExpected({ when }: Turn): boolean {
  return when === 'always';
}

/** Server hosts other than the recovery host: each could be part of the old quorum. */
function fenced({ cluster, recovery }: Plan): readonly string[] {
  return cluster.hosts
    .filter((host) => host.mode === 'server' && host.id !== recovery.host)
    .map((host) => {
      const why =
        host.state === 'alive'
          ? 'is alive: the first script stops its service and waits until its ports close'
          : 'stays off or disconnected until you run its own script';
      return `${host.id} (${host.addresses.join(', ')}) ${why}`;
    });
}

/** Every host but the recovery host: how to go on without it, and its way in if it comes later. */
function neverReturns(plan: Plan) {
  return plan.cluster.hosts.flatMap(({ id }) => {
    const paths = (...roles: readonly Turn['role'][]) =>
      turnsAbout(plan, id)
        .filter(({ role }) => roles.includes(role))
        .map(({ path }) => path);
    const [removal] = paths('remove');
    if (removal === undefined) return [];
    const joins = joined(paths('join', 'client-clear', 'client-join').map(code), ', then ');
    return [{ id, removal, join: joins.length === 0 ? ['add it as a new host'] : joins }];
  });
}

interface Cost {
  readonly title: string;
  readonly text: string;
}

/** The consequences of options in the inventory; none for the defaults. */
function costs({ recovery }: Plan): readonly Cost[] {
  const all: readonly (Cost & { readonly chosen: boolean })[] = [
    {
      chosen: recovery.rewriteMembership === 'skip',
      title: 'The trial start on loopback is skipped.',
      text: 'Whether the restored data can start is known only when the service starts.',
    },
    {
      chosen: recovery.tokenWindow === 0,
      title: 'There is no token window.',
      text:
        'Databases and client hosts that survived keep their old etcd logins and stay read-only: ' +
        'restart each of them after phase 4.',
    },
    {
      chosen: recovery.revisionBump === null,
      title: 'Revisions are not raised.',
      text: 'Watchers that have seen later revisions than the snapshot miss changes: restart them.',
    },
    {
      chosen: recovery.rejoin === 'guide',
      title: 'Every other server host is removed and joined.',
      text:
        'This takes it out of every database; on a host that survived it stops its Postgres. ' +
        'Afterwards, add the hosts to their databases again by hand.',
    },
    {
      chosen: recovery.restart === 'all-at-once',
      title: 'Phase 8 restarts all hosts at once.',
      text: 'The API is down during the restart.',
    },
    {
      chosen: recovery.restart === 'none',
      title: 'Phase 8 restarts nothing.',
      text: 'A client host may still use etcd endpoints from before the incident.',
    },
  ];
  return all.filter(({ chosen }) => chosen).map(({ title, text }) => ({ title, text }));
}

/** Where the etcd tools are expected. */
function etcdTools({ tools, recovery: { toolsDirectory } }: Plan): Inline {
  if (tools !== undefined) return sentence`in ${code('tools/')} of this bundle`;
  return toolsDirectory === null
    ? sentence`in a system directory such as ${code('/usr/local/bin')}`
    : sentence`in ${code(toolsDirectory)}`;
}

/** Files that must be on a machine before its first script. */
function files({ cluster: { api, stackFile }, recovery: { host, snapshot } }: Plan) {
  const certificates =
    api.scheme === 'https' ? [api.caCert, api.clientCert, api.clientKey].map(code) : [];
  return [
    ...(certificates.length > 0 ? [sentence`every host: ${joined(certificates, ', ')}`] : []),
    ...(snapshot.path === null ? [] : [sentence`${host}: the snapshot ${code(snapshot.path)}`]),
    ...(stackFile === null ? [] : [sentence`${host}: the stack file ${code(stackFile)}`]),
  ];
}

function turnView(
  plan: Plan,
  expected: readonly Turn[],
  turn: Turn,
  index: number,
  templates: Templates,
) {
  const before = expected[index - 1];
  const host = hostOf(plan, turn.host);
  const place = placeOf(plan, turn.path);
  return {
    path: turn.path,
    order: turn.order,
    kinds: turn.steps.map(({ kind }) => kind).join(' '),
    subject: turn.subject,
    phase: place === null ? '' : phaseWords(place),
    host: turn.host,
    address: host.addresses[0],
    title: turn.title,
    reason: turn.reason,
    guide: [...new Set(turn.steps.map((step) => step.guide))].join(' '),
    handOver: before?.host === turn.host ? '' : handOver(plan, host),
    duration: duration(plan, turn),
    lastLine: turn.next.at(-1) ?? '',
    effects: effects(plan, host, turn),
    commands: commands(plan, host, turn, templates),
    omits: turn.omits.map((omit) => `guide ${omit.guide}: ${omit.because}.`),
    never: never(plan, turn),
    warnings: warnings(plan, expected, turn, index),
  };
}

/** What no script takes back, by turn; what a host's earlier script has begun is not repeated. */
function lastingOfTurns(expected: readonly Turn[]): readonly (readonly string[])[] {
  const begun = new Set<string>();
  return expected.map((turn) =>
    turn.steps.flatMap((step) => {
      const text = lastingOf(step)?.text;
      const key = `${turn.host} ${turn.subject} ${text}`;
      if (text === undefined || begun.has(key)) return [];
      begun.add(key);
      return [text];
    }),
  );
}

/** Typical durations in the lab. See test/lab/README.md. */
function duration({ recovery }: Plan, { role }: Turn): string {
  const window = recovery.tokenWindow;
  const typical: Readonly<Partial<Record<Turn['role'], string>>> = {
    prepare: '20 s to 1 min, of which 15 s to make sure that there is no leader',
    restore: 'a few seconds, and about 6 s for each GiB of the snapshot',
    rewrite:
      window > 0
        ? `${window + 5} to ${window + 20} s, of which the token window is ${window} s`
        : '5 to 20 s',
    start: '15 to 25 s',
    reattach: '20 s to 1 min',
    remove: 'a few seconds, and longer if databases are updated',
    join: '30 s to 1 min',
    'client-clear': 'a few seconds',
    verify: recovery.restart === 'none' ? 'a few seconds' : '30 s to 2 min',
  };
  return typical[role] ?? '10 to 30 s';
}

/** What to do if the subject of a turn never returns; empty if it is not expected back. */
function never(plan: Plan, { subject, role }: Turn): Inline {
  const { state } = hostOf(plan, subject);
  return subject === plan.recovery.host || role === 'remove' || state === 'alive'
    ? []
    : sentence`If ${subject} never returns: skip this script. See ${section('If a host never returns')} below.`;
}

function handOver(plan: Plan, { id, state, addresses }: Host): string {
  const away =
    id !== plan.recovery.host && state !== 'alive'
      ? state === 'replaced'
        ? 'Connect the new machine, with Docker installed. '
        : 'Power it on or connect it again, if you have not done so. '
      : '';
  return `${away}Log in to ${id} (${addresses.join(', ')}).`;
}

/** The commands of a step. A remark is about the commands after it. */
interface StepCommands {
  readonly title: string;
  readonly lines: readonly {
    readonly text: string;
    readonly remark: boolean;
    readonly ifNeeded: boolean;
  }[];
}

/** The commands on the page of a script, by step. Steps without any are left out. */
function commands(
  plan: Plan,
  host: Host,
  turn: Turn,
  templates: Templates,
): readonly StepCommands[] {
  const context = pageContext(plan, host, hostOf(plan, plan.recovery.host));
  return turn.steps
    .map((step) => ({
      title: titleOf(step),
      lines: commandsOf(step, context, templates).map(({ mark, words }) => ({
        text: words.join(' '),
        remark: mark === '#',
        ifNeeded: mark === '?',
      })),
    }))
    .filter(({ lines }) => lines.length > 0);
}

function effects(plan: Plan, host: Host, turn: Turn): readonly Inline[] {
  return [
    ...(turn.steps.every(({ kind }) => steps[kind].effect === 'observes')
      ? [['Changes nothing.']]
      : []),
    ...(turn.steps.some(({ kind }) => steps[kind].setsAside)
      ? [sentence`Set aside here: ${code(asideFolder(plan, host))}`]
      : []),
  ];
}

/** What a reader of a script's section must not overlook. */
interface Warning {
  /** Empty for a plain remark. */
  readonly title: string;
  readonly text: string;
}

function warnings(
  plan: Plan,
  expected: readonly Turn[],
  turn: Turn,
  index: number,
): readonly Warning[] {
  const back = ({ role }: Turn) => role === 'reattach' || role === 'join';
  const isBack = back(turn);
  const before = isBack ? expected.slice(0, index).filter(back).length : 0;
  return [
    ...turn.steps.flatMap(({ kind }) => {
      const { note } = steps[kind];
      return note === null ? [] : [{ title: '', text: note }];
    }),
    ...(isBack && before === 0
      ? [
          {
            title: 'The fragile moment.',
            text:
              'From here on there are two voters, and two tolerate no loss: if one stops, both ' +
              'halt. Do not stop, scale or restart anything until a third votes.',
          },
        ]
      : []),
    ...(isBack && turn.subject === plan.quorum.reachedBy
      ? [{ title: '', text: `This host reaches the target of ${plan.quorum.target} voters.` }]
      : []),
  ];
}

// Inventory + quorum + recovery host -> the plan: eight phases in the order of the guide.

import type { Host, HostId } from '../hosts.ts';
import type { Inventory } from '../inventory/schema.ts';
import type { Quorum, RecoveryChoice } from '../quorum.ts';
import { version } from '../version.ts';
import { asides } from './asides.ts';
import { planDigest } from './digest.ts';
import { type Phase, type PhaseNumber, type Plan, planFormat, type Turn } from './ir.ts';
import { type BrokenNeed, byOrder, executionOrder, factKey, firstBrokenNeed } from './order.ts';
import { prepare } from './phase-1-prepare.ts';
import { restore } from './phase-2-restore.ts';
import { rewrite } from './phase-3-rewrite.ts';
import { start } from './phase-4-start.ts';
import { remove } from './phase-5-remove.ts';
import { rejoin } from './phase-6-rejoin.ts';
import { clients } from './phase-7-clients.ts';
import { verify } from './phase-8-verify.ts';
import { type Setting, settingOf } from './setting.ts';
import type { TurnBody } from './turn.ts';

interface PhaseWords {
  readonly number: PhaseNumber;
  readonly slug: string;
  readonly title: string;
  readonly turns: (setting: Setting) => readonly TurnBody[];
  /** Why a plan may have no such phase. */
  readonly because: string;
}

const always = 'this phase is never empty';

const phases: readonly PhaseWords[] = [
  { number: 1, slug: 'prepare', title: 'Prepare for recovery', turns: prepare, because: always },
  { number: 2, slug: 'restore', title: 'Restore the snapshot', turns: restore, because: always },
  { number: 3, slug: 'rewrite', title: 'Rewrite the membership', turns: rewrite, because: always },
  { number: 4, slug: 'start', title: 'Start the recovery host', turns: start, because: always },
  {
    number: 5,
    slug: 'remove',
    title: 'Remove records of lost hosts',
    turns: remove,
    because: 'the recovery host is the only host of the cluster',
  },
  {
    number: 6,
    slug: 'rejoin',
    title: 'Bring server hosts back',
    turns: rejoin,
    because: 'no other server host is expected back',
  },
  {
    number: 7,
    slug: 'clients',
    title: 'Bring client hosts back',
    turns: clients,
    because: 'no client host is expected back',
  },
  { number: 8, slug: 'verify', title: 'Verify', turns: verify, because: always },
];

/**
 * Builds the plan for one recovery host. Throws if the order is broken, or if the caller
 * passes a quorum that is not lost: both are our own bugs.
 */
export function build(inventory: Inventory, quorum: Quorum, choice: RecoveryChoice): Plan {
  const setting = settingOf(inventory, quorum, choice);
  const bodies = phases.map((phase) => phase.turns(setting));
  const next = nextLines(bodies.flat().sort(byOrder), setting);
  const content: Omit<Plan, 'digest'> = {
    format: planFormat,
    compiler: version(),
    name: setting.name,
    inventory: setting.inventory,
    cluster: setting.cluster,
    recovery: setting.recovery,
    quorum: setting.quorum,
    phases: phases.map((words, index) => phase(words, bodies[index] ?? [], next)),
    asides: asides(setting),
  };
  const { format, ...rest } = content;
  const plan: Plan = { format, digest: planDigest(content), ...rest };
  const broken = brokenOrder(plan);
  if (broken !== null) throw new Error(brokenWords(broken));
  return plan;
}

/**
 * The first need that no earlier step meets: in all scripts, then in the expected scripts alone, which
 * must not need an if-needed script, then in each aside alone.
 */
export function brokenOrder(plan: Plan): BrokenNeed | null {
  const turns = executionOrder(plan);
  const ways = [turns, turns.filter((turn) => turn.when === 'always')];
  for (const way of [...ways, ...plan.asides.map((aside) => [aside])]) {
    const broken = firstBrokenNeed(way);
    if (broken !== null) return broken;
  }
  return null;
}

/** A broken need in words. */
export function brokenWords({ path, step, fact }: BrokenNeed): string {
  return `${path}: ${step.kind} needs ${factKey(fact)}, which no earlier step provides`;
}

function phase(
  { number, slug, title, because }: PhaseWords,
  bodies: readonly TurnBody[],
  next: ReadonlyMap<string, Turn['next']>,
): Phase {
  const turns = bodies.map((body) => ({ ...body, next: next.get(body.path) ?? lastWords }));
  return { number, slug, title, turns, because: turns.length === 0 ? because : null };
}

const lastWords: Turn['next'] = [
  'This was the last script. Save a snapshot now (before/); keep what was set aside until you are sure.',
];

/** What each script says at its end: the next one of the expected way, or of its host's own. */
function nextLines(
  order: readonly TurnBody[],
  { cluster }: Setting,
): ReadonlyMap<string, Turn['next']> {
  const hosts = new Map(cluster.hosts.map((host) => [host.id, host]));
  const lines = new Map<string, Turn['next']>();
  // Backwards, so that each finds what follows it without searching.
  let expected: TurnBody | null = null;
  const own = new Map<HostId, TurnBody>();
  for (const turn of [...order].reverse()) {
    const ownNext = turn.when === 'if-needed' ? own.get(turn.subject) : undefined;
    const after = ownNext ?? expected;
    if (after !== null) {
      lines.set(turn.path, [nextLine(after, hosts.get(after.host), turn.host)]);
    }
    if (turn.when === 'always') expected = turn;
    // The removal of a host is followed by its join.
    if (turn.when === 'if-needed') own.set(turn.subject, turn);
  }
  return lines;
}

function nextLine({ path, host }: TurnBody, machine: Host | undefined, here: HostId): string {
  const address = machine?.addresses[0] ?? 'unknown';
  return `Next: ${path} ${host === here ? `here on ${host}` : `on ${host} (${address})`}`;
}

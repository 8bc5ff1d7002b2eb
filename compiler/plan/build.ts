// Inventory + quorum + recovery host -> the plan: eight phases in the order of the guide.

import type { Inventory } from '../inventory/schema.ts';
import type { Quorum, RecoveryChoice } from '../quorum.ts';
import { asides } from './asides.ts';
import type { Host, HostId, Phase, PhaseNumber, Plan, Turn } from './ir.ts';
import { type BrokenNeed, executionOrder, factKey, firstBrokenNeed } from './order.ts';
import { prepare } from './phase-1-prepare.ts';
import { restore } from './phase-2-restore.ts';
import { rewrite } from './phase-3-rewrite.ts';
import { start } from './phase-4-start.ts';
import { remove } from './phase-5-remove.ts';
import { rejoin } from './phase-6-rejoin.ts';
import { clients } from './phase-7-clients.ts';
import { verify } from './phase-8-verify.ts';
import { type Setting, setting } from './setting.ts';
import type { Draft } from './turn.ts';

interface PhaseWords {
  readonly number: PhaseNumber;
  readonly slug: string;
  readonly title: string;
  readonly turns: (setting: Setting) => readonly Draft[];
  /** Why a plan may lack the phase. */
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
 * Builds the plan for one recovery host. Throws where the order is broken, or where the caller
 * passes a quorum that is not lost: both are our own bugs.
 */
export function build(inventory: Inventory, quorum: Quorum, choice: RecoveryChoice): Plan {
  const facts = setting(inventory, quorum, choice);
  const drafts = phases.map((phase) => phase.turns(facts));
  const order = drafts.flat().sort((a, b) => (a.path < b.path ? -1 : 1));
  const next = nextLines(order, facts);
  const plan: Plan = {
    format: 'plan/1',
    name: facts.name,
    inventory: facts.inventory,
    cluster: facts.cluster,
    recovery: facts.recovery,
    quorum: facts.quorum,
    phases: phases.map((words, index) => phase(words, drafts[index] ?? [], next)),
    asides: asides(facts),
  };
  const broken = brokenOrder(plan);
  if (broken !== null) throw new Error(brokenWords(broken));
  return plan;
}

/**
 * The first need no earlier step meets: of all scripts, then of the expected way alone, which must
 * not lean on a script that is only run if told; then of each aside by itself.
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
  return `${path}: ${step.kind} needs ${factKey(fact)}, which no earlier step brings about`;
}

function phase(
  { number, slug, title, because }: PhaseWords,
  drafts: readonly Draft[],
  next: ReadonlyMap<string, Turn['next']>,
): Phase {
  const [first, ...rest] = drafts.map(
    (draft): Turn => ({ ...draft, next: next.get(draft.path) ?? lastWords }),
  );
  if (first === undefined) return { number, slug, title, turns: [], because };
  return { number, slug, title, turns: [first, ...rest] };
}

const lastWords: Turn['next'] = [
  'This was the last script: the cluster is recovered.',
  'Save a snapshot now (before/), and keep what was set aside until you are sure.',
];

/** What each script says at its end: the next one of the expected way, or of its host's own. */
function nextLines(order: readonly Draft[], facts: Setting): ReadonlyMap<string, Turn['next']> {
  const hosts = new Map(facts.cluster.hosts.map((host) => [host.id, host]));
  const lines = new Map<string, Turn['next']>();
  // Backwards, so that each finds what follows it without searching.
  let expected: Draft | null = null;
  const own = new Map<HostId, Draft>();
  for (const turn of [...order].reverse()) {
    const told = turn.when === 'if-told' ? own.get(turn.subject) : undefined;
    const after = told ?? expected;
    if (after !== null) {
      lines.set(turn.path, [nextLine(after, hosts.get(after.host), turn.host)]);
    }
    if (turn.when === 'always') expected = turn;
    // A removal leads to the host's join; a host's first look leads nowhere but on.
    if (turn.when === 'if-told') own.set(turn.subject, turn);
  }
  return lines;
}

function nextLine({ path, host }: Draft, machine: Host | undefined, here: HostId): string {
  const address = machine?.addresses[0] ?? 'unknown';
  return `Next: ${path} ${host === here ? `here on ${host}` : `on ${host} (${address})`}`;
}

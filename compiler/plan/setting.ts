// Inventory + quorum + recovery host -> the setting all phases read: what each host's way back is,
// and the path of every script.

import type { Inventory } from '../inventory/schema.ts';
import type { Quorum as Assessed, RecoveryChoice } from '../quorum.ts';
import { digest } from './digest.ts';
import type { Cluster, Host, HostId, PhaseNumber, Quorum, Recovery, Turn } from './ir.ts';

/** Whether a script is of the expected way, or waits to be named by another or the runbook. */
type When = Extract<Turn['when'], 'always' | 'if-told'>;

/** What a turn does for its subject; with the subject's id it names one script. */
export type Role =
  | 'prepare'
  | 'restore'
  | 'rewrite'
  | 'start'
  | 'reattach'
  | 'remove'
  | 'join'
  | 'client-swarm'
  | 'client'
  | 'client-clear'
  | 'client-join'
  | 'verify';

/** One script to be: its role, its subject, the host it runs on and where it lies. */
export interface Slot {
  readonly role: Role;
  readonly subject: Host;
  readonly host: Host;
  readonly when: When;
  readonly path: string;
}

/** What every phase may read. */
export interface Setting {
  readonly name: string;
  readonly inventory: string;
  readonly cluster: Cluster;
  readonly recovery: Recovery;
  readonly quorum: Quorum;
  /** The recovery host. */
  readonly chosen: Host;
  /** Every server host, and those of them other than the recovery host. */
  readonly servers: readonly Host[];
  readonly others: readonly Host[];
  readonly clients: readonly Host[];
  /** The recovery host is a new machine: its Swarm is new, too. */
  readonly total: boolean;
  /** Every script to be, in the order of execution; and the same by the id of its subject. */
  readonly slots: readonly Slot[];
  readonly bySubject: ReadonlyMap<HostId, readonly Slot[]>;
}

/** Draws up the setting. Throws where the choice is no server host of the inventory: our bug. */
export function setting(inventory: Inventory, assessed: Assessed, choice: RecoveryChoice): Setting {
  const cluster: Cluster = {
    name: inventory.cluster,
    notes: inventory.notes,
    stack: inventory.swarm.stack,
    stackFile: inventory.swarm.stackFile,
    api: inventory.api,
    hosts: inventory.hosts,
  };
  const chosen = inventory.hosts.find((host) => host.id === choice.host);
  if (chosen === undefined) throw new Error(`no host ${choice.host} to recover on`);
  const servers = inventory.hosts.filter((host) => host.mode === 'server');
  const clients = inventory.hosts.filter((host) => host.mode === 'client');
  const others = servers.filter((host) => host.id !== chosen.id);
  const recovery = recoveryOf(inventory, choice);
  const slots = lay(recovery.rejoin, chosen, others, clients);
  return {
    name: `${inventory.cluster}-${chosen.id}`,
    inventory: digest(inventory),
    cluster,
    recovery,
    quorum: quorumOf(assessed, slots, chosen, servers),
    chosen,
    servers,
    others,
    clients,
    total: chosen.state === 'replaced',
    slots,
    bySubject: groupBySubject(slots),
  };
}

function groupBySubject(slots: readonly Slot[]): ReadonlyMap<HostId, readonly Slot[]> {
  const groups = new Map<HostId, Slot[]>();
  for (const slot of slots) {
    const group = groups.get(slot.subject.id);
    if (group === undefined) groups.set(slot.subject.id, [slot]);
    else group.push(slot);
  }
  return groups;
}

function recoveryOf({ recovery }: Inventory, choice: RecoveryChoice): Recovery {
  return {
    host: choice.host,
    because: choice.because,
    snapshot: recovery.snapshot,
    revisionBump: recovery.revisionBump,
    rewriteMembership: recovery.rewriteMembership,
    tokenWindow: recovery.tokenWindow,
    rejoin: recovery.rejoin,
    restart: recovery.restart,
    owner: recovery.owner,
    deadlines: recovery.deadlines,
    toolsDirectory: recovery.tools.directory,
  };
}

function quorumOf(
  assessed: Assessed,
  slots: readonly Slot[],
  chosen: Host,
  servers: readonly Host[],
): Quorum {
  if (assessed.verdict === 'kept') throw new Error('quorum is not lost: there is nothing to plan');
  const left = servers.filter((host) => host.state !== 'gone').length;
  const target = Math.min(assessed.threshold, left);
  const reachedBy = returns(slots)[target - 2]?.subject.id ?? chosen.id;
  const { servers: ids, lost, threshold, verdict, words } = assessed;
  return { servers: ids, lost, threshold, target, verdict, words, reachedBy };
}

/** The turns by which server hosts are expected back, in their order. */
export function returns(slots: readonly Slot[]): readonly Slot[] {
  return slots.filter(
    ({ role, when }) => (role === 'reattach' || role === 'join') && when === 'always',
  );
}

/** Guide 6.1 brings hosts back until the target is reached, 6.2 those after it. */
export function rejoinSection(
  { slots, quorum }: Pick<Setting, 'slots' | 'quorum'>,
  host: HostId,
): '6.1' | '6.2' {
  const place = returns(slots).findIndex(({ subject }) => subject.id === host);
  return place < quorum.target - 1 ? '6.1' : '6.2';
}

/** The script of that role for that host, or null where the plan has none. */
export function slotOf({ bySubject }: Setting, role: Role, host: HostId): Slot | null {
  return bySubject.get(host)?.find((slot) => slot.role === role) ?? null;
}

/** The slots of some roles, in the order of execution. */
export function slotsOf({ slots }: Pick<Setting, 'slots'>, ...roles: Role[]): readonly Slot[] {
  return slots.filter((slot) => roles.includes(slot.role));
}

// ---- Which scripts there are -----------------------------------------------------------------

type Unplaced = Omit<Slot, 'path'> & { readonly suffix: string };

interface Stage {
  readonly phase: PhaseNumber;
  readonly slug: string;
  readonly slots: readonly Unplaced[];
}

/** Stages in the order of execution. Reattachments come before removals, removals before joins. */
function lay(
  rejoin: Recovery['rejoin'],
  chosen: Host,
  others: readonly Host[],
  clients: readonly Host[],
): readonly Slot[] {
  const guide = rejoin === 'guide';
  const total = chosen.state === 'replaced';
  const here = (role: Role): Unplaced => slot(role, chosen, chosen, 'always');
  const removals = [...others, ...clients].map((host) =>
    slot('remove', host, chosen, needsRemoval(host, guide) ? 'always' : 'if-told'),
  );
  const reattachments = others
    .filter((host) => host.state !== 'replaced' && host.state !== 'gone')
    .map((host) => slot('reattach', host, host, 'always'));
  const joins = others
    .filter((host) => host.state !== 'gone')
    .map((host) => slot('join', host, host, needsRemoval(host, guide) ? 'always' : 'if-told'));
  const stages: readonly Stage[] = [
    { phase: 1, slug: 'prepare', slots: [here('prepare')] },
    { phase: 2, slug: 'restore', slots: [here('restore')] },
    { phase: 3, slug: 'rewrite', slots: [here('rewrite')] },
    { phase: 4, slug: 'start', slots: [here('start')] },
    // The guide's own way has no reattachment, and so one stage less.
    ...(guide ? [] : [{ phase: 6, slug: 'reattach', slots: reattachments } as const]),
    { phase: 5, slug: 'remove', slots: removals },
    { phase: 6, slug: 'join', slots: joins },
    {
      phase: 7,
      slug: 'clients',
      slots: clients.flatMap((host) => clientSlots(host, chosen, total)),
    },
    { phase: 8, slug: 'verify', slots: [here('verify')] },
  ];
  return stages.flatMap(place);
}

function clientSlots(host: Host, chosen: Host, total: boolean): readonly Unplaced[] {
  if (host.state === 'gone') return [];
  const replaced = host.state === 'replaced';
  const anew = replaced ? 'always' : 'if-told';
  return [
    ...(total && !replaced ? [slot('client-swarm', host, host, 'always', '-swarm')] : []),
    ...(replaced ? [] : [slot('client', host, chosen, 'always')]),
    slot('client-clear', host, host, anew, '-clear'),
    slot('client-join', host, chosen, anew, '-join'),
  ];
}

function slot(role: Role, subject: Host, host: Host, when: When, suffix = ''): Unplaced {
  return { role, subject, host, when, suffix };
}

/** Whether the expected way of a host is the guide's: removal, and join if it comes back. */
function needsRemoval(host: Host, guide: boolean): boolean {
  if (host.state === 'replaced' || host.state === 'gone') return true;
  return guide && host.mode === 'server';
}

function place({ phase, slug, slots }: Stage, index: number): readonly Slot[] {
  const folder = `${index + 1}-phase-${phase}-${slug}`;
  const width = Math.max(2, String(slots.length).length);
  return slots.map(({ suffix, ...slot }, place) => {
    const number = slots.length === 1 ? '' : `${String(place + 1).padStart(width, '0')}-`;
    return { ...slot, path: `${folder}/${number}${slot.subject.id}${suffix}.sh` };
  });
}

// Inventory + quorum + recovery host -> the setting that all phases read: how each host comes back, and
// the path of every script.

import type { Host, HostId } from '../hosts.ts';
import type { Inventory } from '../inventory/schema.ts';
import type { Quorum, RecoveryChoice } from '../quorum.ts';
import { digest } from './digest.ts';
import type { Plan, Turn } from './ir.ts';
import { pathsOf } from './names.ts';
import { groupBy } from './order.ts';

/** Whether a script is expected, or runs only if another script or the runbook names it. */
type When = Extract<Turn['when'], 'always' | 'if-needed'>;

/** What a turn of the recovery does for its subject; with the subject's id it names one script. */
export type Role = Exclude<Turn['role'], 'snapshot' | 'undo'>;

/** One future script: its role, its subject, the host it runs on, its place and its path. */
export interface Slot {
  readonly role: Role;
  readonly subject: Host;
  readonly host: Host;
  readonly when: When;
  /** Its place in the order of execution, from 1 on. */
  readonly order: number;
  readonly path: string;
}

/** What every phase may read. */
export interface Setting {
  readonly name: string;
  readonly inventory: string;
  readonly cluster: Plan['cluster'];
  readonly recovery: Plan['recovery'];
  readonly quorum: Plan['quorum'];
  /** The recovery host. */
  readonly chosen: Host;
  /** Every server host, and those of them other than the recovery host. */
  readonly servers: readonly Host[];
  readonly others: readonly Host[];
  readonly clients: readonly Host[];
  /** The recovery host is a new machine, so its Swarm is new, too. */
  readonly total: boolean;
  /** Every script, in the order of execution; and by the id of its subject. */
  readonly slots: readonly Slot[];
  readonly bySubject: ReadonlyMap<HostId, readonly Slot[]>;
}

/** The setting of a plan. Throws if the choice is no server host of the inventory: our bug. */
export function settingOf(inventory: Inventory, assessed: Quorum, choice: RecoveryChoice): Setting {
  const cluster: Plan['cluster'] = {
    name: inventory.cluster,
    notes: inventory.notes,
    stack: inventory.swarm.stack,
    stackFile: inventory.swarm.stackFile,
    dockerSocket: inventory.swarm.dockerSocket,
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
    bySubject: groupBy(slots, ({ subject }) => subject.id),
  };
}

function recoveryOf({ recovery }: Inventory, choice: RecoveryChoice): Plan['recovery'] {
  return {
    host: choice.host,
    chosen: choice.chosen,
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
  assessed: Quorum,
  slots: readonly Slot[],
  chosen: Host,
  servers: readonly Host[],
): Plan['quorum'] {
  if (assessed.verdict === 'kept') throw new Error('quorum is not lost: there is nothing to plan');
  const left = servers.filter((host) => host.state !== 'gone').length;
  const target = Math.min(assessed.threshold, left);
  const reachedBy = returns(slots)[target - 2]?.subject.id ?? chosen.id;
  const { servers: ids, lost, threshold, verdict, words } = assessed;
  return { servers: ids, lost, threshold, verdict, words, target, reachedBy };
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

/** The script of that role for that host, or null if the plan has none. */
export function slotOf({ bySubject }: Setting, role: Role, host: HostId): Slot | null {
  return bySubject.get(host)?.find((slot) => slot.role === role) ?? null;
}

/** The path of a script that the plan has. Throws if it has none: our own bug. */
export function pathOf(setting: Setting, role: Role, host: HostId): string {
  const slot = slotOf(setting, role, host);
  if (slot === null) throw new Error(`the plan has no script ${role} for ${host}`);
  return slot.path;
}

/** The slots of some roles, in the order of execution. */
export function slotsOf({ slots }: Pick<Setting, 'slots'>, ...roles: Role[]): readonly Slot[] {
  return slots.filter((slot) => roles.includes(slot.role));
}

// ---- Which scripts there are -----------------------------------------------------------------

type Unplaced = Omit<Slot, 'path' | 'order'>;

/** In the order of execution. Reattachments come before removals, removals before joins. */
function lay(
  rejoin: Plan['recovery']['rejoin'],
  chosen: Host,
  others: readonly Host[],
  clients: readonly Host[],
): readonly Slot[] {
  const guide = rejoin === 'guide';
  const total = chosen.state === 'replaced';
  const here = (role: Role): Unplaced => slot(role, chosen, chosen, 'always');
  const removals = [...others, ...clients].map((host) =>
    slot('remove', host, chosen, needsRemoval(host, guide) ? 'always' : 'if-needed'),
  );
  const reattachments = others
    .filter((host) => host.state !== 'replaced' && host.state !== 'gone')
    .map((host) => slot('reattach', host, host, 'always'));
  const joins = others
    .filter((host) => host.state !== 'gone')
    .map((host) => slot('join', host, host, needsRemoval(host, guide) ? 'always' : 'if-needed'));
  return placed([
    ...(['prepare', 'restore', 'rewrite', 'start'] as const).map(here),
    // The procedure of the guide has no reattachment.
    ...(guide ? [] : reattachments),
    ...removals,
    ...joins,
    ...clients.flatMap((host) => clientSlots(host, chosen, total)),
    here('verify'),
  ]);
}

function clientSlots(host: Host, chosen: Host, total: boolean): readonly Unplaced[] {
  if (host.state === 'gone') return [];
  const replaced = host.state === 'replaced';
  const expected = replaced ? 'always' : 'if-needed';
  return [
    ...(total && !replaced ? [slot('client-swarm', host, host, 'always')] : []),
    ...(replaced ? [] : [slot('client', host, chosen, 'always')]),
    slot('client-clear', host, host, expected),
    slot('client-join', host, chosen, expected),
  ];
}

function slot(role: Role, subject: Host, host: Host, when: When): Unplaced {
  return { role, subject, host, when };
}

/** Whether a host is expected to be removed, and joined if it comes back, as in the guide. */
function needsRemoval(host: Host, guide: boolean): boolean {
  if (host.state === 'replaced' || host.state === 'gone') return true;
  return guide && host.mode === 'server';
}

function placed(slots: readonly Unplaced[]): readonly Slot[] {
  const paths = pathsOf(
    slots.map(({ role, host, subject, when }) => ({
      role,
      host: host.id,
      subject: subject.id,
      when,
    })),
  );
  return slots.map((each, index) => ({ ...each, order: index + 1, path: paths[index] ?? '' }));
}

// Valid parts of an inventory text -> the problems that concern several fields.

import { isIPv6 } from 'node:net';
import type { Code } from '../codes.ts';
import { type Diagnostic, diagnostic, nearest } from '../diagnostic.ts';
import type { Host } from '../hosts.ts';
import { assess, chooseRecovery, isDeclared, type Voter } from '../quorum.ts';
import type { Locate, Path } from './json.ts';
import type { HostText, InventoryText } from './schema.ts';

/** A host. A field is missing if its own value is invalid. */
export interface DraftHost extends Partial<Omit<HostText, 'ports'>> {
  /** Its index in the text. */
  readonly index: number;
  readonly ports?: Partial<HostText['ports']>;
}

/** The valid parts of an inventory text. Rules ignore what is missing, because it was invalid. */
export interface Draft {
  readonly hosts: readonly DraftHost[];
  readonly swarm: Partial<InventoryText['swarm']>;
  readonly recovery: Partial<Omit<InventoryText['recovery'], 'snapshot'>> & {
    readonly snapshot?: Partial<InventoryText['recovery']['snapshot']>;
  };
  /** Ids given by --lost. */
  readonly lost: readonly string[];
}

type Words = Pick<Diagnostic, 'what' | 'why' | 'remedy'>;
type Say = (code: Code, path: Path | null, words: Words) => Diagnostic;
type Rule = (draft: Draft, say: Say) => readonly Diagnostic[];

/** All problems that concern several fields, unordered. Linear in the number of hosts. */
export function crossFieldProblems(
  draft: Draft,
  file: string,
  locate: Locate,
): readonly Diagnostic[] {
  const say: Say = (code, path, words) =>
    diagnostic(code, { file, position: path === null ? null : locate(path) }, words);
  const known = { ...draft, hosts: withLost(draft.hosts, draft.lost) };
  return rules.flatMap((rule) => rule(known, say));
}

/**
 * Applies `--lost`: these hosts become `lost`, unless their state is already more precise. If any host
 * has a state then, hosts without a state are alive.
 */
export function withLost<H extends Partial<Pick<Host, 'id' | 'state'>>>(
  hosts: readonly H[],
  lost: readonly string[],
): readonly H[] {
  const ids = new Set(lost);
  const declared = hosts.map((host) => {
    if (host.id === undefined || !ids.has(host.id)) return host;
    return host.state === null || host.state === 'alive' ? { ...host, state: 'lost' } : host;
  });
  if (declared.every(({ state }) => (state ?? null) === null)) return declared;
  return declared.map((host) => (host.state === null ? { ...host, state: 'alive' } : host));
}

/** Ids are unique. */
function uniqueIds(draft: Draft, say: Say): readonly Diagnostic[] {
  return repeated(draft.hosts, ({ id }) => id).map(({ host, first, key }) =>
    say('INV020', ['hosts', host.index, 'id'], {
      what: `hosts[${host.index}] has the same id "${key}" as hosts[${first.index}]`,
      why: 'Scripts and the Control Plane identify a host only by its id.',
      remedy: 'Use the PGEDGE_HOST_ID of each host, or remove the duplicate host.',
    }),
  );
}

/** No duplicate address in a host; hosts that share one differ in all ports and in directory. */
function uniqueAddresses(draft: Draft, say: Say): readonly Diagnostic[] {
  const found: Diagnostic[] = [];
  const machines = new Map<string, Machine>();
  for (const host of draft.hosts) {
    const own = new Set<string>();
    for (const [i, address] of (host.addresses ?? []).entries()) {
      const path = ['hosts', host.index, 'addresses', i];
      const key = canonicalAddress(address);
      if (own.has(key)) {
        found.push(
          say('INV021', path, {
            what: `${label(host)} has the address ${address} twice`,
            why: 'Scripts try each address once, in this order.',
            remedy: 'Remove one of the two.',
          }),
        );
        continue;
      }
      own.add(key);
      const machine = machines.get(key) ?? { first: host, listeners: new Map(), homes: new Map() };
      machines.set(key, machine);
      if (machine.first !== host) found.push(...sharedMachine(machine, host, address, path, say));
      for (const [role] of portRoles) {
        const port = host.ports?.[role];
        if (port !== undefined && !machine.listeners.has(port)) {
          machine.listeners.set(port, { host, role });
        }
      }
      if (host.dataDirectory !== undefined && !machine.homes.has(host.dataDirectory)) {
        machine.homes.set(host.dataDirectory, host);
      }
    }
  }
  return found;
}

/** What the hosts seen so far use at one address. */
interface Machine {
  readonly first: DraftHost;
  readonly listeners: Map<number, { readonly host: DraftHost; readonly role: PortRole }>;
  readonly homes: Map<string, DraftHost>;
}

function sharedMachine(
  machine: Machine,
  host: DraftHost,
  address: string,
  path: Path,
  say: Say,
): readonly Diagnostic[] {
  const collisions = portRoles.flatMap(([role, words]) => {
    const listener = machine.listeners.get(host.ports?.[role] ?? 0);
    return listener === undefined ? [] : [{ role, words, listener }];
  });
  const pasted = collisions.find(({ role, listener }) => role === listener.role);
  if (pasted !== undefined) {
    return [
      say('INV021', path, {
        what: `${label(host)} has the same address ${address} as ${label(pasted.listener.host)}`,
        why: 'Scripts probe, fence and join hosts by address, so they would reach the wrong host.',
        remedy:
          'Correct the address. If both run on one machine, give each host its own three ports ' +
          'and data directory.',
      }),
    ];
  }
  if (collisions.length > 0) {
    return collisions.map(({ role, words, listener }) =>
      say('INV022', ['hosts', host.index, 'ports', role], {
        what:
          `${words} port ${host.ports?.[role]} of ${label(host)} is also the ` +
          `${portWords[listener.role]} port of ${label(listener.host)} on ${address}`,
        why: 'Two listeners cannot use the same port on one address.',
        remedy: 'Use six different ports for the six listeners on this address.',
      }),
    );
  }
  const neighbour = machine.homes.get(host.dataDirectory ?? '');
  return [
    say('INV023', path, {
      what: `${label(host)} and ${label(machine.first)} share the machine at ${address}`,
      why: 'They fail together. If both are server hosts, the cluster loses two votes at once.',
      remedy: 'If they run on one machine, nothing. Otherwise correct the address.',
    }),
    ...(neighbour === undefined
      ? []
      : [
          say('INV025', ['hosts', host.index, 'dataDirectory'], {
            what: `${label(host)} and ${label(neighbour)} share ${host.dataDirectory} at ${address}`,
            why: 'Setting aside the etcd of one host would also set aside that of the other.',
            remedy: 'Give each host the data directory that its service mounts.',
          }),
        ]),
  ];
}

/** The three listeners of a host have three ports. */
function distinctPorts(draft: Draft, say: Say): readonly Diagnostic[] {
  return draft.hosts.flatMap((host) => {
    const found: Diagnostic[] = [];
    for (const [i, [role, words]] of portRoles.entries()) {
      const other = portRoles
        .slice(0, i)
        .find(([before]) => samePort(host.ports?.[before], host.ports?.[role]));
      if (other === undefined) continue;
      found.push(
        say('INV022', ['hosts', host.index, 'ports', role], {
          what: `${words} port ${host.ports?.[role]} of ${label(host)} is also its ${other[1]} port`,
          why: 'Two listeners cannot use the same port on one address.',
          remedy: 'Use three different ports; the defaults are 3000, 2379 and 2380.',
        }),
      );
    }
    return found;
  });
}

/** Machine ids are unique, except on hosts that share an address and so a machine. */
function uniqueMachineIds(draft: Draft, say: Say): readonly Diagnostic[] {
  return repeated(draft.hosts, ({ machineId }) => machineId ?? undefined)
    .filter(({ host, first }) => {
      const theirs = new Set((first.addresses ?? []).map(canonicalAddress));
      return !(host.addresses ?? []).some((address) => theirs.has(canonicalAddress(address)));
    })
    .map(({ host, first }) =>
      say('INV024', ['hosts', host.index, 'machineId'], {
        what: `${label(host)} has the same machine id as ${label(first)}`,
        why: 'Scripts use the machine id to refuse to run on the wrong host.',
        remedy:
          'Copy /etc/machine-id from each host. If the hosts have the same id, leave both out.',
      }),
    );
}

/** Service names, also default ones, are unique and have at most 63 characters. */
function soundServices(draft: Draft, say: Say): readonly Diagnostic[] {
  const stack = draft.swarm.stack;
  const service = (host: DraftHost) => {
    if (host.service === undefined) return undefined;
    if (host.service !== null) return host.service;
    return stack === undefined || host.id === undefined ? undefined : `${stack}_${host.id}`;
  };
  const ids = new Set(repeated(draft.hosts, ({ id }) => id).map(({ host }) => host.index));
  const tooLong = draft.hosts
    .filter((host) => (service(host) ?? '').length > 63)
    .map((host) =>
      say('INV027', ['hosts', host.index, 'id'], {
        what: `the service of ${label(host)} would be named ${service(host)}`,
        why: 'Swarm allows 63 characters, so the service must have another name.',
        remedy: 'Set "service" to the name that "docker service ls" shows.',
      }),
    );
  const twice = repeated(draft.hosts, service)
    // A duplicate id is already reported.
    .filter(({ host }) => host.service !== null || !ids.has(host.index))
    .map(({ host, first, key }) =>
      say('INV026', ['hosts', host.index, 'service'], {
        what: `${label(host)} has the same service ${key} as ${label(first)}`,
        why: 'Stopping one host would also stop the other.',
        remedy: 'Set "service" of each host to the name that "docker service ls" shows.',
      }),
    );
  return [...tooLong, ...twice];
}

/** In a cluster with several hosts, no host has a loopback address. */
function reachableAddresses(draft: Draft, say: Say): readonly Diagnostic[] {
  if (draft.hosts.length < 2) return [];
  return draft.hosts.flatMap((host) =>
    (host.addresses ?? []).flatMap((address, i) => {
      if (!/^(127\.[0-9.]+|::1|localhost)$/u.test(canonicalAddress(address))) return [];
      return [
        say('INV028', ['hosts', host.index, 'addresses', i], {
          what: `${label(host)} has the loopback address ${address}`,
          why: 'No other host can reach it by this address; each would reach itself.',
          remedy: 'Use the address by which the other hosts reach it.',
        }),
      ];
    }),
  );
}

/** The recovery host exists, is a server host and is not lost. */
function soundRecoveryHost(draft: Draft, say: Say): readonly Diagnostic[] {
  const id = draft.recovery.host;
  if (id === undefined || id === null) return [];
  const path = ['recovery', 'host'];
  const host = draft.hosts.find((each) => each.id === id);
  if (host === undefined) {
    if (draft.hosts.some((each) => each.id === undefined)) return [];
    const close = nearest(
      id,
      draft.hosts.flatMap((each) => each.id ?? []),
    );
    return [
      say('INV030', path, {
        what: `recovery host "${id}" is not in "hosts"`,
        why: 'The recovery host must be a server host of this cluster.',
        remedy: close === null ? 'Name one of the hosts.' : `Did you mean "${close}"?`,
      }),
    ];
  }
  const client = host.mode === 'client' ? [recoveryIsClient(host, path, say)] : [];
  return [...client, ...recoveryIsLost(draft, host, path, say)];
}

function recoveryIsClient(host: DraftHost, path: Path, say: Say): Diagnostic {
  return say('INV031', path, {
    what: `recovery host ${label(host)} is a client host`,
    why: 'Only a server host runs etcd and has its certificates.',
    remedy: 'Name a server host, or leave "host" out: plan then chooses one.',
  });
}

function recoveryIsLost(
  draft: Draft,
  host: DraftHost,
  path: Path,
  say: Say,
): readonly Diagnostic[] {
  const state = host.state ?? null;
  if (state === null || state === 'alive') return [];
  const alive = draft.hosts.filter(
    (each) => each.mode === 'server' && each.state === 'alive' && each.id !== undefined,
  );
  if (state === 'replaced' && alive.length === 0) return [];
  const instead =
    alive.length === 0
      ? 'No server host is alive: replace one with a new machine and declare it "replaced".'
      : `Name a host that is alive, such as ${alive[0]?.id}. If ${label(host)} is back, declare it "alive".`;
  return [
    say('INV032', path, {
      what: `recovery host ${label(host)} is declared ${state}`,
      why:
        state === 'replaced'
          ? 'A new machine has no data, but a server host that is alive still has its data.'
          : 'The recovery starts on this host and needs its disk and certificates.',
      remedy: instead,
    }),
  ];
}

/** There is a server host; if there is only one, a warning. */
function enoughServers(draft: Draft, say: Say): readonly Diagnostic[] {
  const voters = roster(draft);
  if (voters === null || voters.length === 0) return [];
  const { servers } = assess({ hosts: voters });
  if (servers.length === 0) {
    return [
      say('INV033', ['hosts'], {
        what: `none of ${count(voters.length, 'host')} is a server host`,
        why: 'Only server hosts count for quorum; without one there is nothing to recover.',
        remedy:
          'Set "mode" to the etcd_mode that GET /v1/hosts shows. Swarm managers are usually servers.',
      }),
    ];
  }
  if (servers.length > 1) return [];
  return [
    say('INV041', ['hosts'], {
      what: `${servers[0]} is the only server host: N=1, quorum 1`,
      why: 'If it is lost, the quorum and all data in etcd are lost.',
      remedy: 'Schedule the snapshot script and keep its files on another machine.',
    }),
  ];
}

/** If losses are declared: quorum is lost, and there is a server host to restore on. */
function quorumIsLost(draft: Draft, say: Say): readonly Diagnostic[] {
  const voters = roster(draft);
  if (voters === null) return [];
  // A misspelled --lost may be the deciding vote.
  const ids = new Set(voters.map(({ id }) => id));
  if (draft.lost.some((id) => !ids.has(id))) return [];
  const quorum = assess({ hosts: voters });
  if (quorum.servers.length === 0) return [];
  if (quorum.verdict === 'kept') {
    const removed = quorum.lost.length === 0 ? 'the lost hosts' : quorum.lost.join(', ');
    return [
      say('INV034', ['hosts'], {
        what: `quorum is not lost, this is the wrong tool: ${quorum.words}`,
        why:
          'The cluster still has a leader and accepts writes. This recovery would discard its ' +
          'memberships and the writes since the snapshot.',
        remedy:
          `Use the API, which still works: remove ${removed} and join again. ` +
          'If more server hosts are lost, declare them lost.',
      }),
    ];
  }
  if (draft.recovery.host !== null || quorum.verdict !== 'lost') return [];
  if (chooseRecovery({ hosts: voters, recovery: { host: null } }) !== null) return [];
  return [
    say('INV035', ['hosts'], {
      what: `no server host is alive or replaced: ${quorum.words}`,
      why: 'The recovery starts on a server host that is available.',
      remedy:
        'Replace one with a new machine (same address, id and data directory) and declare it ' +
        '"replaced". If a host is back with its disk, declare it "alive".',
    }),
  ];
}

/** The snapshot source fits the path and the SHA-256. */
function soundSnapshot(draft: Draft, say: Say): readonly Diagnostic[] {
  const { source, path, sha256 } = draft.recovery.snapshot ?? {};
  const at = (key: string) => ['recovery', 'snapshot', key];
  const found: Diagnostic[] = [];
  if (source !== undefined && path === null && (source === 'saved' || source === 'raw')) {
    found.push(
      say('INV037', at('source'), {
        what: `snapshot source "${source}" has no path`,
        why: 'This source reads a file on the recovery host.',
        remedy: 'Set "path" to the absolute path of the file on the recovery host.',
      }),
    );
  }
  if (source === 'salvage' && typeof path === 'string') {
    found.push(
      say('INV038', at('path'), {
        what: 'snapshot source "salvage" reads no file, but there is a path',
        why: 'The file would be ignored.',
        remedy: 'Use source "saved" to restore the file, or "freshest" to compare both.',
      }),
    );
  }
  if (typeof sha256 === 'string' && path === null) {
    found.push(
      say('INV038', at('sha256'), {
        what: 'there is a SHA-256, but no snapshot path',
        why: 'The SHA-256 pins the file at this path.',
        remedy: 'Set the path, or remove the SHA-256.',
      }),
    );
  }
  return found;
}

/** A new machine has no data to salvage, and its Swarm is created from the stack file. */
function soundTotalLoss(draft: Draft, say: Say): readonly Diagnostic[] {
  const host = recoveryHost(draft);
  if (host === null || host.state !== 'replaced') return [];
  // If another is alive, this is the wrong recovery host, which is already reported.
  if (draft.hosts.some(({ mode, state }) => mode === 'server' && state === 'alive')) return [];
  const { source, path } = draft.recovery.snapshot ?? {};
  const found: Diagnostic[] = [];
  if (source === 'salvage' || (source === 'freshest' && path === null)) {
    found.push(
      say('INV036', ['recovery', 'snapshot', 'source'], {
        what:
          `snapshot source "${source}"${source === 'freshest' ? ' without a path' : ''}, ` +
          `but recovery host ${host.id} is a new machine`,
        why: 'A new machine has no data to salvage.',
        remedy: 'Copy a saved snapshot to this machine, and set source "saved" and its path.',
      }),
    );
  }
  if (draft.swarm.stackFile === null) {
    found.push(
      say('INV039', ['swarm'], {
        what: `recovery host ${host.id} is a new machine, but there is no stack file`,
        why: 'The Swarm is lost too. A new one is created from the stack file.',
        remedy: 'Copy the stack file to this machine and set "swarm.stackFile" to its path.',
      }),
    );
  }
  return found;
}

/** The snapshot is not in the directory that the restore sets aside. */
function snapshotStays(draft: Draft, say: Say): readonly Diagnostic[] {
  const path = draft.recovery.snapshot?.path;
  if (typeof path !== 'string') return [];
  const candidates = draft.recovery.host === null && !declares(draft) ? draft.hosts : [];
  const chosen = recoveryHost(draft);
  const host = [
    ...candidates.filter(({ mode }) => mode === 'server'),
    ...(chosen ? [chosen] : []),
  ].find(({ dataDirectory }) => dataDirectory && `${path}/`.startsWith(`${dataDirectory}/etcd/`));
  if (host === undefined) return [];
  return [
    say('INV040', ['recovery', 'snapshot', 'path'], {
      what: `the snapshot is in ${host.dataDirectory}/etcd of ${label(host)}`,
      why: 'The restore sets this directory aside first.',
      remedy:
        'For the data of the host itself, use source "salvage". Otherwise copy the file to another directory.',
    }),
  ];
}

/** --lost names hosts of the inventory. */
function knownLost(draft: Draft, say: Say): readonly Diagnostic[] {
  const ids = draft.hosts.map(({ id }) => id);
  // A host with an invalid id may be the one that is meant.
  if (ids.includes(undefined)) return [];
  const known = new Set(ids);
  return [...new Set(draft.lost)]
    .filter((id) => !known.has(id))
    .map((id) => {
      const close = nearest(
        id,
        ids.flatMap((each) => each ?? []),
      );
      return say('INV042', null, {
        what: `--lost names "${id}", which is not in "hosts"`,
        why: 'A plan can only contain hosts of the inventory.',
        remedy:
          close === null
            ? 'Use host ids of the inventory, separated by commas.'
            : `Did you mean "${close}"?`,
      });
    });
}

const rules: readonly Rule[] = [
  uniqueIds,
  uniqueAddresses,
  distinctPorts,
  uniqueMachineIds,
  soundServices,
  reachableAddresses,
  soundRecoveryHost,
  enoughServers,
  quorumIsLost,
  soundSnapshot,
  soundTotalLoss,
  snapshotStays,
  knownLost,
];

type PortRole = keyof Host['ports'];

const portWords = {
  api: 'API',
  etcdClient: 'etcd client',
  etcdPeer: 'etcd peer',
} as const satisfies Readonly<Record<PortRole, string>>;

const portRoles = [
  ['api', portWords.api],
  ['etcdClient', portWords.etcdClient],
  ['etcdPeer', portWords.etcdPeer],
] as const;

function samePort(a: number | undefined, b: number | undefined): boolean {
  return a !== undefined && a === b;
}

/** Each host with the same key as an earlier one, with the first of them. */
function repeated(
  hosts: readonly DraftHost[],
  keyOf: (host: DraftHost) => string | undefined,
): readonly { readonly host: DraftHost; readonly first: DraftHost; readonly key: string }[] {
  const firsts = new Map<string, DraftHost>();
  return hosts.flatMap((host) => {
    const key = keyOf(host);
    if (key === undefined) return [];
    const first = firsts.get(key);
    if (first === undefined) firsts.set(key, host);
    return first === undefined ? [] : [{ host, first, key }];
  });
}

/** The hosts for the quorum; null unless id, mode and state of all hosts are valid. */
function roster(draft: Draft): readonly Voter[] | null {
  const voters = draft.hosts.flatMap(({ id, mode, state }): readonly Voter[] =>
    id === undefined || mode === undefined || state === undefined ? [] : [{ id, mode, state }],
  );
  return voters.length === draft.hosts.length ? voters : null;
}

function declares(draft: Draft): boolean {
  const voters = roster(draft);
  return voters === null || isDeclared({ hosts: voters });
}

/** The recovery host: as named or, if losses are declared, as chosen; null if it is not known. */
function recoveryHost(draft: Draft): DraftHost | null {
  const named = draft.recovery.host;
  if (named === undefined) return null;
  const voters = roster(draft);
  if (named === null && (voters === null || !isDeclared({ hosts: voters }))) return null;
  const id = named ?? chooseRecovery({ hosts: voters ?? [], recovery: { host: null } })?.host;
  return draft.hosts.find((host) => host.id !== undefined && host.id === id) ?? null;
}

/** One spelling for each address: IPv6 in canonical form, names in lower case. */
function canonicalAddress(address: string): string {
  if (!isIPv6(address)) return address.toLowerCase();
  return new URL(`http://[${address}]`).hostname.slice(1, -1);
}

function label({ id, index }: DraftHost): string {
  return id ?? `hosts[${index}]`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

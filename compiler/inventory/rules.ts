// Turns a draft, the sound parts of an inventory text, into the problems that span several fields.

import { isIPv6 } from 'node:net';
import type { Code } from '../codes.ts';
import { type Diagnostic, diagnostic, nearest } from '../diagnostic.ts';
import { assess, chooseRecovery, isDeclared, type Voter } from '../quorum.ts';
import type { Locate, Path } from './json.ts';
import type { Host, HostText, InventoryText } from './schema.ts';

/** A host of which any field may be missing because its own value was refused. */
export interface DraftHost extends Partial<Omit<HostText, 'ports'>> {
  /** Where it stands in the text. */
  readonly index: number;
  readonly ports?: Partial<HostText['ports']>;
}

/** What could be understood of an inventory text. Absent: refused, so no rule may judge by it. */
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

/** All problems across fields, in no order. Linear in the number of hosts. */
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
 * The hosts with those of `lost` declared lost, where they were not already said to be lost in a
 * particular way; and once anything is declared, hosts without a state are alive.
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
      what: `hosts[${host.index}] has the id "${key}" of hosts[${first.index}]`,
      why: 'Scripts and the Control Plane know a host by its id alone.',
      remedy: 'Give each host its own PGEDGE_HOST_ID, or remove the host that was pasted twice.',
    }),
  );
}

/** No address twice in one host; hosts that share one differ in all ports and in directory. */
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
            why: 'Each address of a host is tried once, in the order given.',
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

/** What the hosts met so far occupy at one address. */
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
        what: `${label(host)} has the address ${address} of ${label(pasted.listener.host)}`,
        why: 'Scripts probe, fence and join hosts by address, and would meet the other host.',
        remedy:
          'Correct the address; if both run on one machine, give each its own three ports ' +
          'and data directory.',
      }),
    ];
  }
  if (collisions.length > 0) {
    return collisions.map(({ role, words, listener }) =>
      say('INV022', ['hosts', host.index, 'ports', role], {
        what:
          `${words} port ${host.ports?.[role]} of ${label(host)} is the ` +
          `${portWords[listener.role]} port of ${label(listener.host)} on ${address}`,
        why: 'One address has each port once; the second listener could not start.',
        remedy: 'Give the six listeners on this address six ports.',
      }),
    );
  }
  const neighbour = machine.homes.get(host.dataDirectory ?? '');
  return [
    say('INV023', path, {
      what: `${label(host)} and ${label(machine.first)} share the machine at ${address}`,
      why: 'They fail together: server hosts there are several votes lost at once.',
      remedy: 'Nothing, if they really run on one machine; else correct the address.',
    }),
    ...(neighbour === undefined
      ? []
      : [
          say('INV025', ['hosts', host.index, 'dataDirectory'], {
            what: `${label(host)} and ${label(neighbour)} share ${host.dataDirectory} at ${address}`,
            why: 'Moving the etcd of one aside would move that of the other.',
            remedy: 'Give each its own data directory, as its service mounts it.',
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
          what: `${words} port of ${label(host)} is ${host.ports?.[role]}, its ${other[1]} port`,
          why: 'One address has each port once; the second listener could not start.',
          remedy: 'Give the three listeners three ports; standard are 3000, 2379 and 2380.',
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
        what: `${label(host)} has the machine id of ${label(first)}`,
        why: 'The machine id is how a script refuses to run on the wrong host.',
        remedy: 'Copy /etc/machine-id from each host; if they are equal there, leave both out.',
      }),
    );
}

/** Service names are unique and fit into Swarm's 63 characters, also where they are the default. */
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
        why: 'Swarm allows 63 characters, so the service has another name.',
        remedy: 'Put its name, as "docker service ls" shows it, into "service".',
      }),
    );
  const twice = repeated(draft.hosts, service)
    // The same id twice says it already.
    .filter(({ host }) => host.service !== null || !ids.has(host.index))
    .map(({ host, first, key }) =>
      say('INV026', ['hosts', host.index, 'service'], {
        what: `${label(host)} has the service ${key} of ${label(first)}`,
        why: 'Stopping one host would stop the other.',
        remedy: 'Name the service of each host as "docker service ls" shows it.',
      }),
    );
  return [...tooLong, ...twice];
}

/** A host that others have to reach has no loopback address. */
function reachableAddresses(draft: Draft, say: Say): readonly Diagnostic[] {
  if (draft.hosts.length < 2) return [];
  return draft.hosts.flatMap((host) =>
    (host.addresses ?? []).flatMap((address, i) => {
      if (!/^(127\.[0-9.]+|::1|localhost)$/u.test(canonicalAddress(address))) return [];
      return [
        say('INV028', ['hosts', host.index, 'addresses', i], {
          what: `${label(host)} has the loopback address ${address}`,
          why: 'No other host reaches it by this address; each would reach itself.',
          remedy: 'Give the address by which the other hosts reach it.',
        }),
      ];
    }),
  );
}

/** The recovery host exists, is a server host and has not been lost. */
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
        what: `recovery host "${id}" is not among the hosts`,
        why: 'The recovery host is one of the server hosts of the cluster.',
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
    why: 'Only a server host runs an etcd and holds the certificates for one.',
    remedy: 'Name a server host, or leave "host" out to have one chosen.',
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
      ? 'No server host is alive: put a new machine in the place of one and declare it "replaced".'
      : `Name one that is alive, such as ${alive[0]?.id}; if this one is back, declare it "alive".`;
  return [
    say('INV032', path, {
      what: `recovery host ${label(host)} is declared ${state}`,
      why:
        state === 'replaced'
          ? 'A new machine has no data, while a server host that is alive still has its own.'
          : 'The recovery begins on this host, with its disk and its certificates.',
      remedy: instead,
    }),
  ];
}

/** There are server hosts; and a single one is a risk to be said. */
function enoughServers(draft: Draft, say: Say): readonly Diagnostic[] {
  const voters = roster(draft);
  if (voters === null || voters.length === 0) return [];
  const { servers } = assess({ hosts: voters });
  if (servers.length === 0) {
    return [
      say('INV033', ['hosts'], {
        what: `none of ${count(voters.length, 'host')} is a server host`,
        why: 'Quorum is a matter of server hosts; without one there is nothing to recover.',
        remedy: 'Set "mode" as GET /v1/hosts shows etcd_mode; in Swarm, managers are servers.',
      }),
    ];
  }
  if (servers.length > 1) return [];
  return [
    say('INV041', ['hosts'], {
      what: `${servers[0]} is the only server host: N=1, quorum 1`,
      why: 'Its loss is the loss of quorum and of all data in etcd.',
      remedy: 'Schedule the snapshot script and keep its files on another machine.',
    }),
  ];
}

/** With losses declared, quorum is lost, and a server host is there to restore on. */
function quorumIsLost(draft: Draft, say: Say): readonly Diagnostic[] {
  const voters = roster(draft);
  if (voters === null) return [];
  // A misspelt --lost may be the vote that decides.
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
          'The cluster still has a leader and takes writes; this recovery would void its ' +
          'memberships and lose the writes since the snapshot.',
        remedy:
          `Recover single hosts through the API, which works: remove ${removed} and join again. ` +
          'If more server hosts are lost, declare them.',
      }),
    ];
  }
  if (draft.recovery.host !== null || quorum.verdict !== 'lost') return [];
  if (chooseRecovery({ hosts: voters, recovery: { host: null } }) !== null) return [];
  return [
    say('INV035', ['hosts'], {
      what: `no server host is alive or replaced: ${quorum.words}`,
      why: 'The recovery begins on one machine that is there.',
      remedy:
        'Put a new machine in the place of one (same address, id and data directory) and declare ' +
        'it "replaced"; or declare a host that came back with its disk "alive".',
    }),
  ];
}

/** The snapshot source fits the file given, and the state of the recovery host. */
function soundSnapshot(draft: Draft, say: Say): readonly Diagnostic[] {
  const { source, path, sha256 } = draft.recovery.snapshot ?? {};
  const at = (key: string) => ['recovery', 'snapshot', key];
  const found: Diagnostic[] = [];
  if (source !== undefined && path === null && (source === 'saved' || source === 'raw')) {
    found.push(
      say('INV037', at('source'), {
        what: `snapshot source "${source}" has no path`,
        why: 'It is a file that somebody put on the recovery host.',
        remedy: 'Give its absolute path there as "path".',
      }),
    );
  }
  if (source === 'salvage' && typeof path === 'string') {
    found.push(
      say('INV038', at('path'), {
        what: 'snapshot source "salvage" reads no file, but a path is given',
        why: 'The file would be ignored.',
        remedy: 'Say "saved" to restore the file, or "freshest" to compare both.',
      }),
    );
  }
  if (typeof sha256 === 'string' && path === null) {
    found.push(
      say('INV038', at('sha256'), {
        what: 'a SHA-256 is given, but no snapshot path',
        why: 'It pins the file at the path; there is nothing to pin.',
        remedy: 'Give the path, or remove the SHA-256.',
      }),
    );
  }
  return found;
}

/** A new machine holds no data to salvage, and its Swarm is built from the stack file. */
function soundTotalLoss(draft: Draft, say: Say): readonly Diagnostic[] {
  const host = recoveryHost(draft);
  if (host === null || host.state !== 'replaced') return [];
  // With another alive it is the wrong recovery host, which is said already.
  if (draft.hosts.some(({ mode, state }) => mode === 'server' && state === 'alive')) return [];
  const { source, path } = draft.recovery.snapshot ?? {};
  const found: Diagnostic[] = [];
  if (source === 'salvage' || (source === 'freshest' && path === null)) {
    found.push(
      say('INV036', ['recovery', 'snapshot', 'source'], {
        what:
          `snapshot source "${source}"${source === 'freshest' ? ' without a path' : ''}, ` +
          `but recovery host ${host.id} is a new machine`,
        why: 'A new machine holds no data of the cluster to salvage.',
        remedy: 'Put a saved snapshot there: source "saved" and its path.',
      }),
    );
  }
  if (draft.swarm.stackFile === null) {
    found.push(
      say('INV039', ['swarm'], {
        what: `recovery host ${host.id} is a new machine, but there is no stack file`,
        why: 'The Swarm is lost as well and is built anew from the stack file.',
        remedy: 'Put the stack file there and give its path as "swarm.stackFile".',
      }),
    );
  }
  return found;
}

/** The snapshot does not lie in the directory that the restore moves aside. */
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
      what: `the snapshot lies in ${host.dataDirectory}/etcd of ${label(host)}`,
      why: 'The restore moves that directory aside first.',
      remedy: 'Use source "salvage" for the data of the host itself, or copy the file elsewhere.',
    }),
  ];
}

/** --lost names hosts of the inventory. */
function knownLost(draft: Draft, say: Say): readonly Diagnostic[] {
  const ids = draft.hosts.map(({ id }) => id);
  // A host whose id was refused may be the one that is meant.
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
        what: `--lost names "${id}", which is not among the hosts`,
        why: 'Only hosts of the inventory can be planned for.',
        remedy:
          close === null
            ? 'Give ids of the inventory, separated by commas.'
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

/** Each host whose key an earlier one has, with the first that has it. */
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

/** The hosts for the arithmetic; null unless id, mode and state of every one are sound. */
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

/** The recovery host named or, with losses declared, chosen; null where that cannot be told. */
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

// Valid parts of an inventory text -> the problems that concern several fields.

import type { Code } from '../codes.ts';
import { type Diagnostic, diagnostic, nearest } from '../diagnostic.ts';
import type { Host } from '../hosts.ts';
import { assess, chooseRecovery, isDeclared, type Voter } from '../quorum.ts';
import { canonicalAddress, unfitAddress } from './address.ts';
import type { Locate, Path } from './json.ts';
import { above, isInside, setAside, systemDirectory, virtualDirectory } from './path.ts';
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
  /** Null if it is invalid. */
  readonly api: InventoryText['api'] | null;
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
      const key = spelling(address);
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
      const machine = machines.get(key) ?? {
        first: host,
        listeners: new Map(),
        homes: new Map(),
        around: new Map(),
      };
      machines.set(key, machine);
      if (machine.first !== host) found.push(...sharedMachine(machine, host, address, path, say));
      for (const [role] of portRoles) {
        const port = host.ports?.[role];
        if (port !== undefined && !machine.listeners.has(port)) {
          machine.listeners.set(port, { host, role });
        }
      }
      const home = host.dataDirectory;
      if (home === undefined) continue;
      if (!machine.homes.has(home)) machine.homes.set(home, host);
      for (const each of above(home)) if (!machine.around.has(each)) machine.around.set(each, host);
    }
  }
  return found;
}

/** What the hosts seen so far use at one address. */
interface Machine {
  readonly first: DraftHost;
  readonly listeners: Map<number, { readonly host: DraftHost; readonly role: PortRole }>;
  readonly homes: Map<string, DraftHost>;
  /** By the directories above their data directories. */
  readonly around: Map<string, DraftHost>;
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
  const home = host.dataDirectory ?? '';
  const neighbour =
    [home, ...above(home)].map((each) => machine.homes.get(each)).find(Boolean) ??
    machine.around.get(home);
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
            what:
              home === neighbour.dataDirectory
                ? `${label(host)} and ${label(neighbour)} share ${home} at ${address}`
                : `${home} of ${label(host)} and ${neighbour.dataDirectory} of ${label(neighbour)} lie in each other at ${address}`,
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
      const theirs = new Set((first.addresses ?? []).map(spelling));
      return !(host.addresses ?? []).some((address) => theirs.has(spelling(address)));
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
  // SwarmKit finds services by their names in lower case, so names that differ only in it are the same.
  const twice = repeated(draft.hosts, (host) => service(host)?.toLowerCase())
    // A duplicate id is already reported.
    .filter(({ host }) => host.service !== null || !ids.has(host.index))
    .map(({ host, first }) =>
      say('INV026', ['hosts', host.index, 'service'], {
        what: `${label(host)} has the same service ${service(host)} as ${label(first)}`,
        why: 'Stopping one host would also stop the other.',
        remedy: 'Set "service" of each host to the name that "docker service ls" shows.',
      }),
    );
  return [...tooLong, ...twice];
}

/** Each address is that of one machine, as the others see it; in every spelling. */
function soundAddresses(draft: Draft, say: Say): readonly Diagnostic[] {
  return draft.hosts.flatMap((host) =>
    (host.addresses ?? []).flatMap((address, i) => {
      const unfit = unfitAddress(spelling(address));
      if (unfit === null) return [];
      const { code, kind } = unfit;
      return [
        say(code, ['hosts', host.index, 'addresses', i], {
          what: `${label(host)} has the ${kind} address ${address}`,
          why:
            code === 'INV028'
              ? 'No other host can reach it by this address; each would reach itself.'
              : 'It does not belong to one machine.',
          remedy: 'Use the address by which the other hosts reach it.',
        }),
      ];
    }),
  );
}

/** No data directory is one of the system, or contains one. */
function soundDirectories(draft: Draft, say: Say): readonly Diagnostic[] {
  return draft.hosts.flatMap((host) => {
    const found = systemDirectory(host.dataDirectory ?? '/none');
    if (found === null || host.dataDirectory === undefined) return [];
    return [
      say('INV051', ['hosts', host.index, 'dataDirectory'], {
        what: `the data directory ${host.dataDirectory} of ${label(host)} ${found === host.dataDirectory ? 'is a directory of the system' : `and ${found} of the system lie in each other`}`,
        why: 'Scripts rename what is in a data directory, and change its owner.',
        remedy: 'Use the PGEDGE_DATA_DIR of the service, such as /data/pgedge/control-plane.',
      }),
    ];
  });
}

/** Every path of the inventory but the data directories. */
function otherPaths({ swarm, recovery, api }: Draft): readonly (readonly [Path, string])[] {
  const certificates =
    api?.scheme === 'https'
      ? (['caCert', 'clientCert', 'clientKey'] as const).map(
          (key) => [['api', key], api[key]] as const,
        )
      : [];
  const all: readonly (readonly [Path, string | null | undefined])[] = [
    ...certificates,
    [['swarm', 'dockerSocket'], swarm.dockerSocket],
    [['recovery', 'tools', 'directory'], recovery.tools?.directory],
    ...hereOnly({ swarm, recovery }),
  ];
  return all.flatMap(([path, value]) =>
    typeof value === 'string' ? [[path, value] as const] : [],
  );
}

/** Paths on the recovery host alone. */
function hereOnly({ swarm, recovery }: Pick<Draft, 'swarm' | 'recovery'>) {
  return [
    [['swarm', 'stackFile'], swarm.stackFile],
    [['recovery', 'snapshot', 'path'], recovery.snapshot?.path],
  ] as const;
}

/** Files are on a disk. */
function pathsOnDisk(draft: Draft, say: Say): readonly Diagnostic[] {
  return otherPaths(draft).flatMap(([path, value]) => {
    const found = virtualDirectory(value);
    if (found === null) return [];
    return [
      say('INV052', path, {
        what: `${path.join('.')} is ${value}, which is in ${found}`,
        why: 'A device may never end, and what the kernel shows is gone after a restart.',
        remedy: 'Copy the file to a disk, and use its path there.',
      }),
    ];
  });
}

/** What scripts use is not in a directory that they rename. For snapshots in etcd/ see INV040. */
function pathsStay(draft: Draft, say: Say): readonly Diagnostic[] {
  const here = new Set(hereOnly(draft).map(([path]) => path.join('.')));
  const starts = recoveryHosts(draft);
  return otherPaths(draft).flatMap(([path, value]) => {
    const name = path.join('.');
    const hosts = here.has(name) ? starts : draft.hosts;
    const parts = name === 'recovery.snapshot.path' ? (['certificates'] as const) : setAside;
    for (const host of hosts) {
      const part = parts.find((each) =>
        isInside(value, `${host.dataDirectory ?? '/none'}/${each}`),
      );
      if (part === undefined) continue;
      return [
        say('INV053', path, {
          what: `${name} is in ${host.dataDirectory}/${part} of ${label(host)}`,
          why: 'Scripts set this directory aside, and the file would no longer be at its path.',
          remedy: 'Copy it to another directory, and use its path there.',
        }),
      ];
    }
    return [];
  });
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
  if (servers.length > 1) return largeOrEven(servers.length, say);
  return [
    say('INV041', ['hosts'], {
      what: `${servers[0]} is the only server host: N=1, quorum 1`,
      why: 'If it is lost, the quorum and all data in etcd are lost.',
      remedy: 'Schedule the snapshot script and keep its files on another machine.',
    }),
  ];
}

/** Worth a word, and no mistake. */
function largeOrEven(servers: number, say: Say): readonly Diagnostic[] {
  const quorum = Math.floor(servers / 2) + 1;
  const spare = servers - quorum;
  const even =
    servers % 2 === 0
      ? [
          say('INV054', ['hosts'], {
            what: `${servers} server hosts are an even number: N=${servers}, quorum ${quorum}`,
            why: `The quorum survives the loss of ${spare}, as with ${servers - 1} server hosts.`,
            remedy:
              'Nothing now. For the next host, consider a client host, or one server host more.',
          }),
        ]
      : [];
  if (servers <= 7) return even;
  return [
    ...even,
    say('INV055', ['hosts'], {
      what: `${servers} server hosts are more than 7`,
      why: `Every write waits for ${quorum} of them.`,
      remedy: 'Nothing now. More hosts can be client hosts.',
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
  const host = recoveryHosts(draft).find(
    ({ dataDirectory }) => dataDirectory && isInside(path, `${dataDirectory}/etcd`),
  );
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
  soundAddresses,
  soundDirectories,
  pathsOnDisk,
  pathsStay,
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

/** The recovery host, or before an incident every host that may become it. */
function recoveryHosts(draft: Draft): readonly DraftHost[] {
  const chosen = recoveryHost(draft);
  if (chosen !== null) return [chosen];
  const open = draft.recovery.host === null && !declares(draft);
  return open ? draft.hosts.filter(({ mode }) => mode === 'server') : [];
}

function spelling(address: string): string {
  return canonicalAddress(address) ?? address;
}

function label({ id, index }: DraftHost): string {
  return id ?? `hosts[${index}]`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

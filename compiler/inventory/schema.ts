// The one zod object of an inventory: turns parsed JSON into an Inventory, and into JSON Schema.

import { isIPv4, isIPv6 } from 'node:net';
import * as z from 'zod';
import type { Code } from '../codes.ts';

/** What is known about a host at the incident. `lost` means: lost, and not yet known how. */
export type HostState = 'alive' | 'returning' | 'replaced' | 'gone' | 'lost';

/** A host's `etcd_mode`: only server hosts are members and count for quorum. */
export type HostMode = 'server' | 'client';

/** How scripts reach the Control Plane API. Paths are absolute, on the host a script runs on. */
type Api =
  | { readonly scheme: 'http' }
  | {
      readonly scheme: 'https';
      readonly caCert: string;
      readonly clientCert: string;
      readonly clientKey: string;
    };

/** One host of the cluster, defaults filled. */
export interface Host {
  readonly id: string;
  /** IPv4, IPv6 (without brackets and zone) or host names; the first is the preferred one. */
  readonly addresses: readonly [string, ...string[]];
  readonly mode: HostMode;
  /** Absolute, at least two components, no trailing slash. */
  readonly dataDirectory: string;
  /** TCP ports. */
  readonly ports: { readonly api: number; readonly etcdClient: number; readonly etcdPeer: number };
  /** Swarm service name; `<stack>_<id>` unless the text says otherwise. */
  readonly service: string;
  /** 32 lower-case hex digits of /etc/machine-id, or null: the guard then goes by addresses. */
  readonly machineId: string | null;
  /** Null on every host: nothing declared, before the incident. Else null was read as `alive`. */
  readonly state: HostState | null;
  readonly notes: string | null;
}

/** Where the snapshot comes from (guide 1.1, 2.1). */
interface SnapshotChoice {
  readonly source: 'freshest' | 'salvage' | 'saved' | 'raw';
  /** Absolute, on the recovery host; required by `saved` and `raw`. */
  readonly path: string | null;
  /** 64 lower-case hex digits pinning the file at `path`. */
  readonly sha256: string | null;
}

/** Deadlines of the bounded waits, in seconds. */
interface Deadlines {
  readonly stop: number;
  readonly swarm: number;
  readonly etcd: number;
  readonly api: number;
  readonly fresh: number;
  readonly task: number;
  readonly join: number;
}

/** The choices of the recovery itself. */
interface Recovery {
  /** Id of the recovery host, or null: see chooseRecovery in quorum.ts. */
  readonly host: string | null;
  readonly snapshot: SnapshotChoice;
  /** Revisions added at the restore (guide 2.3); null is the text's "none". */
  readonly revisionBump: number | null;
  /** Guide 3.2 a: proof on loopback ports, or skipped. */
  readonly rewriteMembership: 'loopback' | 'skip';
  /** Guide 3.2 b, in seconds; 0 is none. */
  readonly tokenWindow: number;
  /** `guide`: every server host is removed and joined, also where it could be reattached. */
  readonly rejoin: 'evidence' | 'guide';
  /** Guide 8.1. */
  readonly restart: 'rolling' | 'all-at-once' | 'none';
  /** Owner of the restored directory (guide 2.4): that of the old one, or named. */
  readonly owner: 'reference' | { readonly user: string; readonly group: string };
  readonly deadlines: Deadlines;
  readonly tools: {
    /** Absolute directory of etcd, etcdctl and etcdutl on the hosts; null: found by PATH. */
    readonly directory: string | null;
  };
}

/** A checked inventory: defaults filled, hosts in the order of compareHosts, deeply readonly. */
export interface Inventory {
  readonly cluster: string;
  readonly notes: string | null;
  readonly swarm: {
    readonly stack: string;
    /** Absolute path of the stack file, on the recovery host; needed to build Swarm anew. */
    readonly stackFile: string | null;
  };
  readonly api: Api;
  readonly hosts: readonly Host[];
  readonly recovery: Recovery;
}

const name = /^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/u;
const hostId = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/u;
const swarmName = /^[A-Za-z0-9]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?$/u;
const account = /^([a-z_][a-z0-9_-]{0,30}|[0-9]{1,10})$/u;
const hex32 = /^[0-9a-f]{32}$/u;
const hex64 = /^[0-9a-f]{64}$/u;
const addressLetters = /^[0-9A-Za-z.:-]{1,253}$/u;
const hostName =
  /^([0-9A-Za-z]([0-9A-Za-z-]{0,61}[0-9A-Za-z])?\.)*[0-9A-Za-z]([0-9A-Za-z-]{0,61}[0-9A-Za-z])?$/u;
const numericEnd = /(^|\.)[0-9]+$/u;
// No control, format (bidirectional overrides), surrogate or line-separator characters: what a
// reviewer sees in the script is what bash gets.
const absolutePath = /^(\/(?!\.{1,2}(\/|$))[^/\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]+)+$/u;
const deepPath = /^(\/(?!\.{1,2}(\/|$))[^/\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]+){2,}$/u;
const searchPath = /^(\/(?!\.{1,2}(\/|$))[^/:\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]+)+$/u;
const prose = /^([\t\n]|[^\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}])*$/u;

/** Whether other hosts can reach a host by this text: an address of one machine, or a name. */
function isAddress(text: string): boolean {
  if (isIPv4(text)) return !/^(0|22[4-9]|23[0-9]|2[45][0-9])\./u.test(text);
  if (isIPv6(text)) return !text.includes('%') && !/^([0:]+$|ff)/iu.test(text);
  return text.length <= 253 && hostName.test(text) && !numericEnd.test(text);
}

interface Field {
  readonly description: string;
  readonly examples: readonly unknown[];
}

/**
 * A string field whose refusals carry a diagnostic code and words of ours.
 * `rule` completes the sentence "must be ...". The pattern is for editors, `accepts` decides.
 */
function text(
  code: Code,
  rule: string,
  pattern: RegExp,
  field: Field,
  accepts: (value: string) => boolean = (value) => pattern.test(value),
) {
  return z
    .string()
    .refine(accepts, { params: { code }, error: rule })
    .meta({
      pattern: pattern.source,
      description: field.description,
      examples: [...field.examples],
    });
}

const pathRule =
  'an absolute path without empty, "." or ".." components, trailing slash or control characters';

function path(field: Field) {
  return text('INV010', pathRule, absolutePath, field, (value) => {
    return value.length <= 1024 && absolutePath.test(value);
  });
}

/** An object without unknown keys; the message of a refusal is the list of the known ones. */
function strict<Shape extends z.core.$ZodLooseShape>(shape: Shape) {
  return z.strictObject(shape, {
    error: (issue) => {
      return issue.code === 'unrecognized_keys' ? Object.keys(shape).join(' ') : undefined;
    },
  });
}

/** The same field, or null where it is left out; editors show its description all the same. */
function orNull(field: ReturnType<typeof text>) {
  return field
    .nullable()
    .default(null)
    .meta(z.globalRegistry.get(field) ?? {});
}

function port(service: string, standard: number) {
  return z
    .int()
    .min(1)
    .max(65535)
    .default(standard)
    .meta({ description: `TCP port of ${service}.`, examples: [standard], 'x-unit': 'TCP port' });
}

function deadline(wait: string, seconds: number) {
  return z
    .int()
    .min(1)
    .max(86400)
    .default(seconds)
    .meta({ description: `Longest wait for ${wait}.`, examples: [seconds], 'x-unit': 'seconds' });
}

const notes = orNull(
  text(
    'INV013',
    'text of at most 4000 characters without control characters other than tab and line feed',
    prose,
    {
      description: 'Free text for people; it reaches the plan and the runbook, and no script.',
      examples: ['Power cut in room 2 on Monday; both disks are intact.'],
    },
    (value) => value.length <= 4000 && prose.test(value),
  ),
);

/** The ports of a host, as written in the text. */
export const portsObject = strict({
  api: port('the Control Plane API', 3000),
  etcdClient: port('the embedded etcd for clients', 2379),
  etcdPeer: port('the embedded etcd for other members', 2380),
})
  .prefault({})
  .meta({
    description: 'TCP ports of the Control Plane on this host.',
    examples: [{ api: 3000, etcdClient: 2379, etcdPeer: 2380 }],
  });

/** One host as written in the text. */
export const hostObject = strict({
  id: text('INV008', 'lower-case letters, digits and inner hyphens, 1 to 63 of them', hostId, {
    description: 'Host id: PGEDGE_HOST_ID, as listed by /v1/hosts.',
    examples: ['host-1'],
  }),
  addresses: z
    .array(
      text(
        'INV009',
        'an IPv4 address, an IPv6 address without brackets and zone, or a host name, of one machine',
        addressLetters,
        {
          description: 'Address by which the other hosts reach this one.',
          examples: ['10.0.0.1', '2001:db8::1', 'host-1.example.com'],
        },
        isAddress,
      ),
    )
    .min(1)
    .max(16)
    .meta({
      description: 'Addresses of the host; the first is the one its certificate and peers use.',
      examples: [['10.0.0.1'], ['2001:db8::1', 'host-1.example.com']],
    }),
  mode: z.enum(['server', 'client']).meta({
    description: 'etcd_mode of the host. Only server hosts count for quorum.',
    examples: ['server'],
  }),
  dataDirectory: text(
    'INV010',
    `${pathRule}, of at least two components`,
    deepPath,
    {
      description: 'PGEDGE_DATA_DIR on the host: holds etcd/, certificates/, instances/.',
      examples: ['/data/pgedge/control-plane'],
    },
    (value) => value.length <= 1024 && deepPath.test(value),
  ).default('/data/pgedge/control-plane'),
  ports: portsObject,
  service: orNull(
    text('INV008', 'letters, digits, inner hyphens and underscores, 1 to 63 of them', swarmName, {
      description: 'Swarm service of the Control Plane on this host; null: <stack>_<id>.',
      examples: ['control-plane_host-1'],
    }),
  ),
  machineId: orNull(
    text(
      'INV011',
      '32 lower-case hexadecimal digits, not all zero',
      hex32,
      {
        description: '/etc/machine-id of the host; scripts refuse to run on another machine.',
        examples: ['4d2f6a1c9b8e4f0fa7c35b6d2e1f0a9b'],
      },
      (value) => hex32.test(value) && !/^0+$/u.test(value),
    ),
  ),
  state: z
    .enum(['alive', 'returning', 'replaced', 'gone', 'lost'])
    .nullable()
    .default(null)
    .meta({
      description:
        'What became of the host: alive; returning (lost, comes back with its disk); replaced ' +
        '(lost, a new machine takes its place); gone (lost for good); lost (not known yet). ' +
        'No state on any host: the plan is made before an incident. Otherwise null is alive.',
      examples: ['returning'],
    }),
  notes,
}).meta({
  description: 'One host of the cluster.',
  examples: [{ id: 'host-1', addresses: ['10.0.0.1'], mode: 'server' }],
});

const certificate = (what: string, file: string) =>
  path({ description: `Path of ${what} on every host.`, examples: [`/etc/pgedge/${file}`] });

/** How the API is reached, as written in the text. */
const apiObject = z
  .discriminatedUnion('scheme', [
    strict({
      scheme: z.literal('http').meta({ description: 'Plain HTTP.', examples: ['http'] }),
    }),
    strict({
      scheme: z.literal('https').meta({ description: 'HTTP over TLS.', examples: ['https'] }),
      caCert: certificate('the CA certificate that signed the API server certificates', 'ca.crt'),
      clientCert: certificate('the client certificate', 'client.crt'),
      clientKey: certificate('the key of the client certificate', 'client.key'),
    }),
  ])
  .prefault({ scheme: 'http' })
  .meta({
    description: 'How scripts reach the Control Plane API.',
    examples: [{ scheme: 'http' }],
  });

/** The Swarm stack, as written in the text. */
export const swarmObject = strict({
  stack: text(
    'INV008',
    'letters, digits, inner hyphens and underscores, 1 to 63 of them',
    swarmName,
    {
      description: 'Name of the Swarm stack of the Control Plane.',
      examples: ['control-plane'],
    },
  ).default('control-plane'),
  stackFile: orNull(
    path({
      description: 'Path of the stack file on the recovery host; needed to build Swarm anew.',
      examples: ['/root/control-plane.yaml'],
    }),
  ),
})
  .prefault({})
  .meta({
    description: 'The Docker Swarm stack that runs the Control Plane.',
    examples: [{ stack: 'control-plane', stackFile: '/root/control-plane.yaml' }],
  });

const accountName = (what: string, example: string) =>
  text('INV008', 'an account name or number of Linux', account, {
    description: `Owning ${what} of the restored etcd directory.`,
    examples: [example],
  });

/** The snapshot to restore, as written in the text. */
export const snapshotObject = strict({
  source: z
    .enum(['freshest', 'salvage', 'saved', 'raw'])
    .default('freshest')
    .meta({
      description:
        'freshest: salvage, and the saved snapshot at path if given, the larger revision wins; ' +
        'salvage: the own data of the recovery host; saved: a file of "etcdctl snapshot save"; ' +
        'raw: a copy of member/snap/db, which carries no hash.',
      examples: ['freshest'],
    }),
  path: orNull(
    path({
      description: 'Path of the snapshot on the recovery host; required by saved and raw.',
      examples: ['/var/backups/etcd snapshot.db'],
    }),
  ),
  sha256: orNull(
    text('INV011', '64 lower-case hexadecimal digits', hex64, {
      description: 'SHA-256 the file at path must have.',
      examples: ['9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'],
    }),
  ),
})
  .prefault({})
  .meta({
    description: 'The snapshot to restore (guide 1.1, 1.2, 2.3).',
    examples: [{ source: 'saved', path: '/var/backups/etcd.db' }],
  });

/** The recovery, as written in the text. */
export const recoveryObject = strict({
  host: orNull(
    text('INV008', 'lower-case letters, digits and inner hyphens, 1 to 63 of them', hostId, {
      description:
        'Id of the server host to restore; null: the first that is alive, or, before an ' +
        'incident, one bundle for each server host.',
      examples: ['host-1'],
    }),
  ),
  snapshot: snapshotObject,
  revisionBump: z
    .union([z.int().min(1).max(1_000_000_000_000), z.literal('none')], {
      error: 'a whole number from 1 to 1000000000000, or "none"',
    })
    .default(1_000_000_000)
    .meta({
      description:
        'Added to every revision at the restore, so that no watcher sees one go backwards ' +
        '(guide 2.3); "none" leaves revisions as they are.',
      examples: [1_000_000_000, 'none'],
      'x-unit': 'revisions',
    }),
  rewriteMembership: z
    .enum(['loopback', 'skip'])
    .default('loopback')
    .meta({
      description: 'Guide 3.2 a: prove the restored member on loopback ports, or skip it.',
      examples: ['loopback'],
    }),
  tokenWindow: z
    .int()
    .min(0)
    .max(600)
    .default(12)
    .meta({
      description:
        'Guide 3.2 b: how long clients that survived are made to log in anew; 0 is none, and ' +
        'every surviving database and client must then be restarted by hand.',
      examples: [12],
      'x-unit': 'seconds',
    }),
  rejoin: z
    .enum(['evidence', 'guide'])
    .default('evidence')
    .meta({
      description:
        'evidence: hosts with disk, record and credentials are reattached; guide: every server ' +
        'host is removed and joined again, out of all its databases.',
      examples: ['evidence'],
    }),
  restart: z
    .enum(['rolling', 'all-at-once', 'none'])
    .default('rolling')
    .meta({ description: 'Restart of phase 8 (guide 8.1).', examples: ['rolling'] }),
  owner: z
    .union(
      [
        z.literal('reference'),
        strict({
          user: accountName('user', 'root'),
          group: accountName('group', 'root'),
        }),
      ],
      { error: '"reference", or an object with user and group' },
    )
    .default('reference')
    .meta({
      description: 'Owner of the restored directory: that of the old one, or a named one.',
      examples: ['reference', { user: 'root', group: 'root' }],
    }),
  deadlines: strict({
    stop: deadline('containers, ports and database holders to go', 60),
    swarm: deadline('Swarm to have a leader or a node to be ready', 120),
    etcd: deadline('an etcd started by a script to answer', 60),
    api: deadline('the Control Plane API to answer', 180),
    fresh: deadline('a host or instance to show a fresh status', 90),
    task: deadline('a Control Plane task to complete', 600),
    join: deadline('a member to be joined and voting', 600),
  })
    .prefault({})
    .meta({
      description: 'Deadlines of the bounded waits.',
      examples: [{ stop: 60, task: 600 }],
      'x-unit': 'seconds',
    }),
  tools: strict({
    directory: orNull(
      text(
        'INV010',
        `${pathRule}, and without a colon`,
        searchPath,
        {
          description: 'Directory of etcd, etcdctl and etcdutl 3.6 on the hosts; null: by PATH.',
          examples: ['/opt/etcd-3.6'],
        },
        (value) => value.length <= 1024 && searchPath.test(value),
      ),
    ),
  })
    .prefault({})
    .meta({
      description: 'The etcd tools on the hosts.',
      examples: [{ directory: '/opt/etcd-3.6' }],
    }),
})
  .prefault({})
  .meta({ description: 'The choices of the recovery.', examples: [{ host: 'host-1' }] });

/** The whole text. */
export const inventoryObject = strict({
  $schema: z
    .string()
    .optional()
    .meta({
      description: 'Address of the JSON Schema, for editors; not read.',
      examples: ['./inventory.schema.json'],
    }),
  cluster: text('INV008', 'lower-case letters, digits and inner hyphens, 1 to 40 of them', name, {
    description: 'Name of the cluster; names backups, locks and logs on the hosts.',
    examples: ['production-eu'],
  }),
  notes,
  swarm: swarmObject,
  api: apiObject,
  hosts: z
    .array(hostObject)
    .min(1)
    .meta({
      description: 'Every host of the cluster, server and client, alive and lost.',
      examples: [[{ id: 'host-1', addresses: ['10.0.0.1'], mode: 'server' }]],
    }),
  recovery: recoveryObject,
}).meta({
  title: 'Inventory of a pgEdge Control Plane cluster',
  description: 'What "plan compile" turns into a recovery bundle.',
});

/** A host as zod returns it: defaults filled, service possibly null. */
export type HostText = z.output<typeof hostObject>;

/** An inventory as zod returns it. */
export type InventoryText = z.output<typeof inventoryObject>;

/** The JSON Schema (draft 2020-12) of the text an inventory file may hold. */
export function inventorySchema(): Readonly<Record<string, unknown>> {
  return z.toJSONSchema(inventoryObject, { io: 'input', target: 'draft-2020-12' });
}

/** The Swarm service of a host: the one named in the text, or the stack's for its id. */
export function serviceName(stack: string, host: Pick<HostText, 'id' | 'service'>): string {
  return host.service ?? `${stack}_${host.id}`;
}

/** Orders ids naturally, host-2 before host-10; never 0 for different ids, no locale involved. */
export function compareIds(a: string, b: string): number {
  const as = a.match(/[0-9]+|[^0-9]+/gu) ?? [];
  const bs = b.match(/[0-9]+|[^0-9]+/gu) ?? [];
  for (let i = 0; i < Math.min(as.length, bs.length); i += 1) {
    const order = compareChunks(as[i] ?? '', bs[i] ?? '');
    if (order !== 0) return order;
  }
  if (as.length !== bs.length) return as.length - bs.length;
  return compareText(a, b);
}

/** Orders hosts: servers before clients, each by id. */
export function compareHosts(a: Pick<Host, 'id' | 'mode'>, b: Pick<Host, 'id' | 'mode'>): number {
  if (a.mode !== b.mode) return a.mode === 'server' ? -1 : 1;
  return compareIds(a.id, b.id);
}

function compareChunks(a: string, b: string): number {
  const digits = /^[0-9]/u;
  if (!digits.test(a) || !digits.test(b)) return compareText(a, b);
  const [left, right] = [a.replace(/^0+/u, ''), b.replace(/^0+/u, '')];
  return left.length - right.length || compareText(left, right);
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

// The zod object of an inventory: parsed JSON -> Inventory, and its JSON Schema.

import * as z from 'zod';
import type { Code } from '../codes.ts';
import { type Host, hostMode, hostState, type ValueOf } from '../hosts.ts';
import { canonicalAddress, otherReading } from './address.ts';
import { absolutePath, deepPath, fits, fitsSocket, searchPath } from './path.ts';

/** A checked inventory: defaults filled, hosts in the order of compareHosts, deeply readonly. */
export type Inventory = Pick<Text, 'cluster' | 'notes' | 'swarm' | 'api'> & {
  readonly hosts: readonly Host[];
  /** A null revision bump is the text's "none". */
  readonly recovery: Omit<Text['recovery'], 'revisionBump' | 'because'> & {
    readonly revisionBump: number | null;
    /** Left out if the text has none, so that the digests of older inventories stay. */
    readonly because?: string;
  };
};
type Text = ValueOf<typeof inventoryObject>;

const name = /^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/u;
const hostId = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/u;
const swarmName = /^[A-Za-z0-9]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?$/u;
const account = /^([a-z_][a-z0-9_-]{0,30}|[0-9]{1,10})$/u;
const hex32 = /^[0-9a-f]{32}$/u;
const hex64 = /^[0-9a-f]{64}$/u;
const addressLetters = /^[0-9A-Za-z.:-]{1,253}$/u;
const oneLine = /^[^\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]*$/u;
const prose = /^([\t\n]|[^\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}])*$/u;

interface Field {
  readonly description: string;
  readonly examples: readonly unknown[];
}

/**
 * A string field with its diagnostic code. `rule` completes the sentence "It must be ...". The pattern
 * is for editors; `accepts` decides.
 */
function text(
  code: Code,
  rule: string | ((value: string) => string),
  pattern: RegExp,
  field: Field,
  accepts: (value: string) => boolean = (value) => pattern.test(value),
) {
  return z
    .string()
    .refine(accepts, {
      params: { code },
      error: typeof rule === 'string' ? rule : ({ input }) => rule(String(input)),
    })
    .meta({
      pattern: pattern.source,
      description: field.description,
      examples: [...field.examples],
    });
}

const pathWords =
  'an absolute path without empty, "." or ".." components, trailing slash or control characters';

/** The rule that a path breaks: of its characters, or of its length. */
function pathRule(pattern: RegExp, words = pathWords): (value: string) => string {
  return (value) =>
    pattern.test(value)
      ? 'a path of at most 1024 characters and 3584 bytes, with at most 255 bytes in each component'
      : words;
}

function isPath(pattern: RegExp): (value: string) => boolean {
  return (value) => value.length <= 1024 && pattern.test(value) && fits(value);
}

function path(field: Field) {
  return text('INV010', pathRule(absolutePath), absolutePath, field, isPath(absolutePath));
}

const addressRule =
  'the IPv4 address, IPv6 address without brackets and zone, or host name of one machine';

/** The rule that an address breaks. Octal and hexadecimal parts are another address to some programs. */
function addressWords(value: string): string {
  const other = otherReading(value);
  return other === null
    ? addressRule
    : `${addressRule}; this is octal, hexadecimal or short, and some programs read ${other}`;
}

/** An object without unknown keys; the error message is the list of known keys. */
function strict<Shape extends z.core.$ZodLooseShape>(shape: Shape) {
  return z.strictObject(shape, {
    error: (issue) => {
      return issue.code === 'unrecognized_keys' ? Object.keys(shape).join(' ') : undefined;
    },
  });
}

/** The same field, or null if it is left out, with the same description for editors. */
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
    .meta({
      description: `Limit of the wait for ${wait}.`,
      examples: [seconds],
      'x-unit': 'seconds',
    });
}

const notes = orNull(
  text(
    'INV013',
    'text of at most 4000 characters without control characters other than tab and line feed',
    prose,
    {
      description:
        'Free text for people. It is copied to the plan and the runbook, not to scripts.',
      examples: ['Power cut in room 2 on Monday; both disks are intact.'],
    },
    (value) => value.length <= 4000 && prose.test(value),
  ),
);

/** The ports of a host, in the text. */
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

/** One host, in the text. */
export const hostObject = strict({
  id: text(
    'INV008',
    '1 to 63 lower-case letters, digits and hyphens, no hyphen first or last',
    hostId,
    {
      description: 'Host id: PGEDGE_HOST_ID, as listed by GET /v1/hosts.',
      examples: ['host-1'],
    },
  ),
  addresses: z
    .array(
      text(
        'INV009',
        addressWords,
        addressLetters,
        {
          description: 'Address by which the other hosts reach this host.',
          examples: ['10.0.0.1', '2001:db8::1', 'host-1.example.com'],
        },
        (value) => canonicalAddress(value) !== null,
      ),
    )
    .min(1)
    .max(16)
    .meta({
      description: 'Addresses of the host. The first is the one in its certificate and peer URL.',
      examples: [['10.0.0.1'], ['2001:db8::1', 'host-1.example.com']],
    }),
  mode: hostMode.meta({
    description: 'etcd_mode of the host. Only server hosts count for quorum.',
    examples: ['server'],
  }),
  dataDirectory: text(
    'INV010',
    pathRule(deepPath, `${pathWords}, with at least two components`),
    deepPath,
    {
      description: 'PGEDGE_DATA_DIR on the host: contains etcd/, certificates/, instances/.',
      examples: ['/data/pgedge/control-plane'],
    },
    isPath(deepPath),
  ).default('/data/pgedge/control-plane'),
  ports: portsObject,
  service: orNull(
    text(
      'INV008',
      '1 to 63 letters, digits, hyphens and underscores, no hyphen or underscore first or last',
      swarmName,
      {
        description: 'Swarm service of the Control Plane on this host. null: <stack>_<id>.',
        examples: ['control-plane_host-1'],
      },
    ),
  ),
  machineId: orNull(
    text(
      'INV011',
      '32 lower-case hexadecimal digits, not all zero',
      hex32,
      {
        description: '/etc/machine-id of the host. Scripts refuse to run on another machine.',
        examples: ['4d2f6a1c9b8e4f0fa7c35b6d2e1f0a9b'],
      },
      (value) => hex32.test(value) && !/^0+$/u.test(value),
    ),
  ),
  state: hostState
    .nullable()
    .default(null)
    .meta({
      description:
        'State of the host: alive; returning (lost, comes back with its disk); replaced (lost, a ' +
        'new machine takes its place); gone (lost, never comes back); lost (not known yet). ' +
        'If no host has a state, this is a plan for before an incident. Otherwise null is alive.',
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
export const apiObject = z
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

/** The Swarm stack, in the text. */
export const swarmObject = strict({
  stack: text(
    'INV008',
    '1 to 63 letters, digits, hyphens and underscores, no hyphen or underscore first or last',
    swarmName,
    {
      description: 'Name of the Swarm stack of the Control Plane.',
      examples: ['control-plane'],
    },
  ).default('control-plane'),
  stackFile: orNull(
    path({
      description: 'Path of the stack file on the recovery host. Needed to create a new Swarm.',
      examples: ['/root/control-plane.yaml'],
    }),
  ),
  dockerSocket: text(
    'INV010',
    (value) =>
      fitsSocket(value) ? pathWords : 'the path of a socket, which has at most 107 bytes',
    absolutePath,
    {
      description: 'Docker socket on every host. Scripts use no other Docker.',
      examples: ['/var/run/docker.sock'],
    },
    (value) => fitsSocket(value) && isPath(absolutePath)(value),
  ).default('/var/run/docker.sock'),
})
  .prefault({})
  .meta({
    description: 'The Docker Swarm stack that runs the Control Plane.',
    examples: [{ stack: 'control-plane', stackFile: '/root/control-plane.yaml' }],
  });

const accountName = (what: string, example: string) =>
  text('INV008', 'a Linux account name or number', account, {
    description: `Owning ${what} of the restored etcd directory.`,
    examples: [example],
  });

/** The snapshot to restore, in the text. */
export const snapshotObject = strict({
  source: z
    .enum(['freshest', 'salvage', 'saved', 'raw'])
    .default('freshest')
    .meta({
      description:
        'freshest: the larger revision of salvage and, if there is a path, the saved snapshot; ' +
        'salvage: data of the recovery host; saved: file of "etcdctl snapshot save"; ' +
        'raw: copy of member/snap/db, which contains no hash.',
      examples: ['freshest'],
    }),
  path: orNull(
    path({
      description: 'Path of the snapshot on the recovery host. Required for saved and raw.',
      examples: ['/var/backups/etcd snapshot.db'],
    }),
  ),
  sha256: orNull(
    text('INV011', '64 lower-case hexadecimal digits', hex64, {
      description: 'SHA-256 of the file at path. Scripts refuse another file.',
      examples: ['9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'],
    }),
  ),
})
  .prefault({})
  .meta({
    description: 'The snapshot to restore (guide 1.1, 1.2, 2.3).',
    examples: [{ source: 'saved', path: '/var/backups/etcd.db' }],
  });

/** The recovery, in the text. */
export const recoveryObject = strict({
  host: orNull(
    text(
      'INV008',
      '1 to 63 lower-case letters, digits and hyphens, no hyphen first or last',
      hostId,
      {
        description:
          'Id of the server host to restore on. null: the first that is alive; or, before an ' +
          'incident, one bundle for each server host.',
        examples: ['host-1'],
      },
    ),
  ),
  because: orNull(
    text(
      'INV013',
      'one line of at most 400 characters without control characters',
      oneLine,
      {
        description: 'Why that host. "plan choose" writes it; it is copied to the runbook.',
        examples: ['it holds the most of the hosts compared, revision 4521 (host-1 4321)'],
      },
      (value) => value.length <= 400 && oneLine.test(value),
    ),
  ),
  snapshot: snapshotObject,
  revisionBump: z
    .union([z.int().min(1).max(1_000_000_000_000), z.literal('none')], {
      error: 'a whole number from 1 to 1000000000000, or "none"',
    })
    .default(1_000_000_000)
    .meta({
      description:
        'Added to the revision at the restore, so that no watcher sees it go backwards ' +
        '(guide 2.3). "none": not changed.',
      examples: [1_000_000_000, 'none'],
      'x-unit': 'revisions',
    }),
  rewriteMembership: z
    .enum(['loopback', 'skip'])
    .default('loopback')
    .meta({
      description: 'Guide 3.2 a: try the restored member on loopback ports, or skip it.',
      examples: ['loopback'],
    }),
  tokenWindow: z
    .int()
    .min(0)
    .max(600)
    .default(12)
    .meta({
      description:
        'Guide 3.2 b: how long the restored etcd rejects old login tokens, so that surviving ' +
        'databases and client hosts log in again. 0: restart each of them by hand instead.',
      examples: [12],
      'x-unit': 'seconds',
    }),
  rejoin: z
    .enum(['evidence', 'guide'])
    .default('evidence')
    .meta({
      description:
        'evidence: hosts with disk, record and credentials are reattached. guide: every server ' +
        'host is removed, also from its databases, and joined again.',
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
      description: 'Owner of the restored directory: owner of the old one, or a named account.',
      examples: ['reference', { user: 'root', group: 'root' }],
    }),
  deadlines: strict({
    stop: deadline('containers to stop, and for ports and etcd files to be closed', 60),
    swarm: deadline('a Swarm leader or a ready node', 120),
    etcd: deadline('an etcd that a script has started', 60),
    api: deadline('the Control Plane API', 180),
    fresh: deadline('a fresh status of a host or instance', 90),
    task: deadline('a Control Plane task', 600),
    join: deadline('a member that has joined and votes', 600),
  })
    .prefault({})
    .meta({
      description: 'Limits of the waits.',
      examples: [{ stop: 60, task: 600 }],
      'x-unit': 'seconds',
    }),
  tools: strict({
    directory: orNull(
      text(
        'INV010',
        pathRule(searchPath, `${pathWords}, and without a colon`),
        searchPath,
        {
          description:
            'Directory of etcd, etcdctl and etcdutl 3.6 on the hosts. null: found by PATH.',
          examples: ['/opt/etcd-3.6'],
        },
        isPath(searchPath),
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
  .meta({ description: 'Options of the recovery.', examples: [{ host: 'host-1' }] });

/** The complete text. */
export const inventoryObject = strict({
  $schema: z
    .string()
    .optional()
    .meta({
      description: 'Address of the JSON Schema, for editors. plan does not read it.',
      examples: ['./inventory.schema.json'],
    }),
  cluster: text(
    'INV008',
    '1 to 40 lower-case letters, digits and hyphens, no hyphen first or last',
    name,
    {
      description:
        'Name of the cluster. Part of the names of locks, logs and folders on the hosts.',
      examples: ['production-eu'],
    },
  ),
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
  description: 'Input of "plan compile", which writes a recovery bundle.',
});

/** A host as zod returns it: with defaults, service possibly null. */
export type HostText = z.output<typeof hostObject>;

/** An inventory as zod returns it. */
export type InventoryText = z.output<typeof inventoryObject>;

/** The JSON Schema (draft 2020-12) of an inventory file. */
export function inventorySchema(): Readonly<Record<string, unknown>> {
  return z.toJSONSchema(inventoryObject, { io: 'input', target: 'draft-2020-12' });
}

/** The Swarm service of a host: as named in the text, or `<stack>_<id>`. */
export function serviceName(stack: string, host: Pick<HostText, 'id' | 'service'>): string {
  return host.service ?? `${stack}_${host.id}`;
}

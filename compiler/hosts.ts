// The ground: what a host is, the states it may be in, and the order of hosts. Imports nothing of ours.

import * as z from 'zod';

/** The value a zod schema gives, deeply readonly. The types of plan and inventory are all such values. */
export type ValueOf<Schema extends z.ZodType> = Frozen<z.output<Schema>>;
type Frozen<T> = { readonly [Key in keyof T]: Frozen<T[Key]> };

/**
 * One line of text without control, format (bidirectional overrides), surrogate or line-separator
 * characters: a line feed would end a comment of a script.
 */
export const line = z.string().regex(/^[^\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]*$/u);
/** An address, a Swarm service, a stack, an account: one word for bash. */
export const word = line.regex(/^[A-Za-z0-9_.:-]+$/u);
/** A host id, a cluster name, a plan name. */
export const id = line.regex(/^[a-z0-9][a-z0-9-]*$/u);
/** An absolute path on a host. */
export const absolutePath = line.regex(/^\//u);
/** A TCP port. */
export const port = z
  .int()
  .min(1)
  .max(65535)
  .meta({ description: 'A TCP port.', 'x-unit': 'TCP port' });

/** A host's `etcd_mode`: only server hosts are members and count for quorum. */
export const hostMode = z.enum(['server', 'client']);
export type HostMode = ValueOf<typeof hostMode>;

/** What is known about a host at the incident. `lost` means: lost, and not yet known how. */
export const hostState = z.enum(['alive', 'returning', 'replaced', 'gone', 'lost']);
export type HostState = ValueOf<typeof hostState>;

/** The TCP ports of the Control Plane on a host. */
export const hostPorts = z.strictObject({ api: port, etcdClient: port, etcdPeer: port });

/** One host of the cluster, defaults filled. */
export const resolvedHost = z.strictObject({
  id,
  /** IPv4, IPv6 (without brackets and zone) or host names; the first is the preferred one. */
  addresses: z.tuple([word], word),
  mode: hostMode,
  dataDirectory: absolutePath,
  ports: hostPorts,
  /** Swarm service name; `<stack>_<id>` unless the inventory says otherwise. */
  service: word,
  /** 32 lower-case hex digits of /etc/machine-id, or null: the guard then goes by addresses. */
  machineId: word.nullable(),
  /** Null on every host: nothing declared, before the incident. Else null was read as `alive`. */
  state: hostState.nullable(),
  notes: z.string().nullable(),
});
export type Host = ValueOf<typeof resolvedHost>;
export type HostId = Host['id'];

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

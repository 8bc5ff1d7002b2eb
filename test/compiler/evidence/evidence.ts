// A few words -> evidence as triage.sh prints it.

import type { Evidence } from '../../../compiler/evidence/schema.ts';

type Host = Evidence['hosts'][string];
type Snapshot = Evidence['snapshots'][number];

/** What is special about a host's evidence. Its data: a revision of a running member, or `data`. */
export interface Special {
  readonly revision?: number;
  readonly raftIndex?: number;
  readonly clusterId?: string;
  readonly time?: string;
  readonly lastWrite?: string;
  readonly cluster?: string;
  readonly ca?: string;
  readonly etcd?: Host['etcd'];
  readonly data?: Evidence['data'];
  readonly snapshots?: readonly Snapshot[];
  readonly findings?: Evidence['findings'];
  /** How the other hosts were seen; silent if they are not named. */
  readonly seen?: Readonly<Record<string, Partial<Host>>>;
}

/** The hosts of the plan. */
const ids = ['s-1', 's-2', 's-3'] as const;

/** The evidence of one host. */
export function evidenceOf(host: string, special: Special): Evidence {
  const { revision = 100, raftIndex = revision + 50, clusterId = 'aa', seen = {} } = special;
  const own: Host = { mode: 'server', etcd: special.etcd ?? 'no-leader' };
  const others = ids.map((id): [string, Host] => [
    id,
    id === host ? own : { mode: 'server', etcd: 'silent', ...seen[id] },
  ]);
  return {
    format: 'evidence/1',
    time: special.time ?? '2026-11-03T10:00:00Z',
    cluster: special.cluster ?? 'acme',
    inventory: 'a'.repeat(64),
    host,
    machine: { name: host, bash: '5.2', root: true },
    verdict: { state: 'lost', words: 'lost', servers: 3, quorum: 2 },
    hosts: Object.fromEntries(others),
    data: special.data ?? {
      state: 'running',
      revision,
      raftIndex,
      clusterId,
      lastWrite: special.lastWrite ?? '2026-11-03T09:00:00Z',
    },
    certificates: { ca: (special.ca ?? 'c').repeat(64) },
    snapshots: special.snapshots ?? [],
    recoveries: [],
    findings: special.findings ?? [],
    unanswered: [],
  };
}

/** A complete snapshot of this CA. */
export function snapshotOf(revision: number, changed: Partial<Snapshot> = {}): Snapshot {
  return {
    path: '/backup/s.db',
    kind: 'saved',
    checksum: 'good',
    revision,
    written: '2026-11-03T08:00:00Z',
    ca: 'c'.repeat(64),
    ...changed,
  };
}

// What triage.sh --json prints, as one zod object. What was not looked at, or gave no answer in time, is
// left out: it is never written as a no.

import * as z from 'zod';
import { absolutePath, hostMode, id, line, type ValueOf, word } from '../hosts.ts';

/** A time in UTC, to the second. */
const time = line.regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/u);
const sha256 = line.regex(/^[0-9a-f]{64}$/u);
/** The id of an etcd member or cluster, in hexadecimal as etcd prints it. */
const etcdId = line.regex(/^[0-9a-f]{1,16}$/u);
const count = z.int().min(0);

/**
 * leader, no-leader: it says so. closed: the machine refuses. silent, mute, none: no answer. unasked: its
 * port is open, and there is no certificate to ask with. broken: asking failed here.
 */
const etcdWord = z.enum([
  ...(['leader', 'no-leader', 'unsettled', 'unasked', 'broken'] as const),
  ...(['mute', 'closed', 'silent', 'none'] as const),
]);
const portWord = z.enum(['open', 'closed', 'unreachable']);
/** A status of HTTP, or why there is none. */
const apiWord = line.regex(/^([1-5]\d\d|refused|timeout|failed)$/u);

/** What an etcd reports of itself. The raft index is the one it has applied. */
const figures = {
  etcd: etcdWord.optional(),
  /** The answer, if it is none of the expected ones. */
  detail: z.string().optional(),
  clusterId: etcdId.optional(),
  memberId: etcdId.optional(),
  raftTerm: count.optional(),
  revision: count.optional(),
  raftIndex: count.optional(),
  committed: count.optional(),
  keys: count.optional(),
  databaseBytes: count.optional(),
  /** Seconds between its clock and that of this host. */
  clockGap: count.optional(),
};

const addressObject = z.strictObject({
  ...figures,
  address: word.optional(),
  apiPort: portWord.optional(),
  api: apiWord.optional(),
  peerPort: portWord.optional(),
});

/** A host as it was seen from this one: the most significant answer of its addresses. */
const hostObject = z.strictObject({
  ...figures,
  mode: hostMode,
  apiPort: portWord.optional(),
  api: apiWord.optional(),
  addresses: z.array(addressObject).optional(),
});

/**
 * What the data of this host hold. state: running (reported by its etcd), copy (read from a copy),
 * stopped (by names and times of files), absent, unread (no answer, or not root), client (has none).
 */
const dataObject = z.strictObject({
  state: z.enum(['running', 'copy', 'stopped', 'absent', 'unread', 'client']),
  database: z.enum(['absent', 'file', 'directory', 'link', 'mount', 'other']).optional(),
  inUse: z.boolean().optional(),
  clusterId: etcdId.optional(),
  memberId: etcdId.optional(),
  revision: count.optional(),
  keys: count.optional(),
  raftIndex: count.optional(),
  committed: count.optional(),
  raftTerm: count.optional(),
  /** The log reaches at least so far. */
  raftIndexAtLeast: count.optional(),
  snapTerm: count.optional(),
  snapIndex: count.optional(),
  logFiles: count.optional(),
  databaseBytes: count.optional(),
  /** Everything below etcd/member. */
  bytes: count.optional(),
  lastWrite: time.optional(),
  /** The recovery that restored these data. */
  restoredBy: line.optional(),
  /** What a salvage of these data loses. */
  loss: line.optional(),
  deepSeconds: count.optional(),
});

const snapshotObject = z.strictObject({
  path: absolutePath,
  bytes: count.optional(),
  written: time.optional(),
  kind: z.enum(['saved', 'raw', 'broken']).optional(),
  revision: count.optional(),
  keys: count.optional(),
  /** The storage version of etcd. */
  storage: line.optional(),
  checksum: z.enum(['good', 'bad']).optional(),
  /** The CA that it belongs to, if that is the one of this host. */
  ca: sha256.optional(),
});

const findingObject = z.strictObject({
  level: z.enum(['problem', 'unknown', 'note', 'ok']),
  about: word,
  what: line,
  expected: line.optional(),
  found: z.string().optional(),
  remedy: line.optional(),
});

/** The evidence of one host. */
export const evidenceObject = z.strictObject({
  format: z.literal('evidence/1'),
  /** When it was collected, by the clock of this host. */
  time,
  cluster: id,
  /** Digest of the inventory of the bundle, as in plan.json. */
  inventory: sha256,
  /** The host on which it was collected. */
  host: id,
  machine: z.strictObject({ name: line, bash: line, root: z.boolean() }),
  /** kept: there is a leader. split: two clusters have one. unclear: no clear answer. */
  verdict: z.strictObject({
    state: z.enum(['kept', 'lost', 'unclear', 'split']),
    words: line,
    servers: count,
    quorum: count,
  }),
  /** Every host of the plan, by id. */
  hosts: z.record(id, hostObject),
  data: dataObject,
  swarm: z.strictObject({ state: word.optional(), complaint: z.string().optional() }).optional(),
  /** RUNNING/WANTED replicas of the services of the plan. */
  services: z.record(word, line).optional(),
  controlPlane: z
    .strictObject({ container: z.enum(['running', 'gone', 'unknown']).optional() })
    .optional(),
  certificates: z
    .strictObject({ ca: sha256.optional(), until: z.record(word, time).optional() })
    .optional(),
  tools: z
    .record(
      word,
      z.strictObject({
        state: z.enum(['ok', 'missing', 'unusable']),
        complaint: z.string().optional(),
      }),
    )
    .optional(),
  snapshots: z.array(snapshotObject),
  /** What recoveries have left on this host. */
  recoveries: z.array(
    z.strictObject({
      folder: line,
      state: z.enum(['begun', 'restored', 'started', 'cleared', 'closed', 'undone']),
    }),
  ),
  findings: z.array(findingObject),
  /** Questions that gave no answer in time. */
  unanswered: z.array(word),
});
export type Evidence = ValueOf<typeof evidenceObject>;

/** The JSON Schema (draft 2020-12) of the evidence. */
export function evidenceSchema(): Readonly<Record<string, unknown>> {
  return {
    title: 'Evidence of one host',
    description: 'Printed by "triage.sh --json", read by "triage.sh --compare" and "plan choose".',
    ...z.toJSONSchema(evidenceObject, { target: 'draft-2020-12', reused: 'ref' }),
  };
}

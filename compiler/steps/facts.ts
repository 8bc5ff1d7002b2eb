// What the world must show before a step, or shows after it.

import * as z from 'zod';
import { id, type ValueOf } from '../hosts.ts';

const hostFact = z.enum([
  'fenced',
  'service-stopped',
  'state-set-aside',
  'record-removed',
  'in-swarm',
  'uninitialised',
  'member-back',
  'client-back',
]);

const clusterFact = z.enum([
  'swarm-leader',
  'services-stopped',
  'snapshot-chosen',
  'snapshot-verified',
  'recovery-host-checked',
  'etcd-set-aside',
  'etcd-restored',
  'membership-rewritten',
  'recovery-host-started',
  'api-answers',
  'quorum-reached',
  'hosts-verified',
  'closed',
]);

/** A fact about one host, or about the cluster. */
export const factObject = z.union([
  z.strictObject({ fact: hostFact, host: id }),
  z.strictObject({ fact: clusterFact }),
]);
export type Fact = ValueOf<typeof factObject>;

/** A fact about a host. */
export function ofHost(fact: z.output<typeof hostFact>, host: string): Fact {
  return { fact, host };
}

/** A fact about the cluster. */
export function ofCluster(fact: z.output<typeof clusterFact>): Fact {
  return { fact };
}

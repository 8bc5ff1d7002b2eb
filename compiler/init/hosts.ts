// The answer of GET /v1/hosts -> facts. Both generations of the API: before and since 0.7.

import * as z from 'zod';
import type { Facts, HostFacts } from './facts.ts';

/** A host record: of either generation, with more fields than these. */
const record = z.looseObject({
  id: z.string().min(1),
  orchestrator: z.string().optional(),
  data_dir: z.string().min(1).optional(),
  cohort: z.looseObject({ member_id: z.string().optional() }).nullish(),
  status: z.looseObject({ state: z.string().optional() }).nullish(),
  etcd_mode: z.enum(['server', 'client']).optional().catch(undefined),
  peer_addresses: z.array(z.string()).nullish(),
  client_addresses: z.array(z.string()).nullish(),
  ipv4_address: z.string().optional(),
});

/** Up to 0.4 the answer was the list alone. */
const answer = z.union([
  z.looseObject({ hosts: z.array(record).min(1) }),
  z
    .array(record)
    .min(1)
    .transform((hosts) => ({ hosts })),
]);

/** The facts in an answer, or why it is none. */
export function factsOfHosts(value: unknown, source: string): Facts | string {
  const read = answer.safeParse(value);
  if (!read.success) return 'it is not the list of hosts that GET /v1/hosts returns';
  const others = read.data.hosts.filter(({ orchestrator = 'swarm' }) => orchestrator !== 'swarm');
  const [other] = others;
  if (other !== undefined) {
    return `${other.id} runs under ${other.orchestrator}, and plan supports Docker Swarm only`;
  }
  return { source, authority: 'cluster', hosts: read.data.hosts.map(factsOf) };
}

function factsOf(host: z.output<typeof record>): HostFacts {
  const { id, data_dir, etcd_mode, ipv4_address, cohort, status } = host;
  const listed = [...(host.peer_addresses ?? []), ...(host.client_addresses ?? [])];
  const addresses = [...new Set(listed.length > 0 ? listed : [ipv4_address ?? ''])].filter(
    (address) => address !== '',
  );
  const state = status?.state;
  return {
    id,
    ...(addresses.length === 0 ? {} : { addresses }),
    ...(etcd_mode === undefined ? {} : { mode: etcd_mode }),
    ...(data_dir === undefined ? {} : { dataDirectory: data_dir }),
    ...(cohort?.member_id === undefined ? {} : { node: cohort.member_id }),
    remarks:
      state === undefined || state === 'healthy' ? [] : [`It was ${state} when this was written.`],
  };
}

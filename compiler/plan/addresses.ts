// Host or plan -> the addresses, URLs and names by which others know it. Computed here and only here.

import type { Host } from '../hosts.ts';
import type { Plan } from './ir.ts';

/** The port on which Swarm managers accept nodes; Docker has no setting for it. */
const swarmPort = 2377;

/** An address as it stands in a URL or before a port: IPv6 in brackets. */
function bracketed(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}

/** `http://10.0.0.1:3000`. */
export function apiUrl({ scheme }: Pick<Plan['cluster']['api'], 'scheme'>, host: Host): string {
  return `${scheme}://${bracketed(host.addresses[0])}:${host.ports.api}`;
}

/** The options of curl for the API's certificates; none over http. */
export function apiTls(api: Plan['cluster']['api']): readonly string[] {
  return api.scheme === 'https'
    ? ['--cacert', api.caCert, '--cert', api.clientCert, '--key', api.clientKey]
    : [];
}

/** `https://10.0.0.1:2379`, for clients: etcd always speaks TLS here. */
export function clientUrl(host: Host): string {
  return `https://${bracketed(host.addresses[0])}:${host.ports.etcdClient}`;
}

/** `https://10.0.0.1:2380`, for other members. */
export function peerUrl(host: Host): string {
  return `https://${bracketed(host.addresses[0])}:${host.ports.etcdPeer}`;
}

/** `10.0.0.1:2377`: where a machine joins the Swarm. */
export function swarmAddress(host: Host): string {
  return `${bracketed(host.addresses[0])}:${swarmPort}`;
}

/** The plan's own name on a host, for its folder and its cluster token: no two plans share it. */
export function tokenOf({ name, inventory }: Pick<Plan, 'name' | 'inventory'>): string {
  return `${name}-${inventory.slice(0, 12)}`;
}

/** Where a host keeps what the first use of this plan set aside there. */
export function asideFolder(plan: Pick<Plan, 'name' | 'inventory'>, host: Host): string {
  return `${host.dataDirectory}/plan-recovery/${tokenOf(plan)}-1/before/`;
}

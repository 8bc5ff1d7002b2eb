// Host -> the texts by which other machines reach it.

import type { Api, Host } from './ir.ts';

/** An address as it stands in a URL or before a port: IPv6 in brackets. */
export function bracketed(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}

/** `http://10.0.0.1:3000`. */
export function apiUrl(api: Api, host: Host): string {
  return `${api.scheme}://${bracketed(host.addresses[0])}:${host.ports.api}`;
}

/** `https://10.0.0.1:2379`: etcd always speaks TLS here. */
export function etcdUrl(host: Host, port: number): string {
  return `https://${bracketed(host.addresses[0])}:${port}`;
}

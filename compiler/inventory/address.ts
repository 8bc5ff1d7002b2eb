// The text of an address -> its one spelling, and why it is not the address of one machine.

import { isIPv4, isIPv6 } from 'node:net';
import ip from 'ipaddr.js';
import type { Code } from '../codes.ts';

const hostName =
  /^([0-9A-Za-z]([0-9A-Za-z-]{0,61}[0-9A-Za-z])?\.)*[0-9A-Za-z]([0-9A-Za-z-]{0,61}[0-9A-Za-z])?$/u;
/** A name that ends like this is read as a number by inet_aton(3). */
const numericEnd = /(^|\.)([0-9]+|0x[0-9a-f]*)$/iu;
const localName =
  /(^|\.)(localhost[46]?|localhost[46]?\.localdomain[46]?|ip6-(localhost|loopback))$/u;

/**
 * The spelling by which addresses are compared and used: four decimal parts, IPv6 as in RFC 5952, an
 * IPv4-mapped address as IPv4, names in lower case. Null if it is neither an address nor a name.
 */
export function canonicalAddress(text: string): string | null {
  if (isIPv4(text)) return text;
  if (isIPv6(text)) return text.includes('%') ? null : canonicalIPv6(text);
  if (text.length > 253 || !hostName.test(text) || numericEnd.test(text)) return null;
  return text.toLowerCase();
}

function canonicalIPv6(text: string): string {
  const address = ip.IPv6.parse(new URL(`http://[${text}]`).hostname.slice(1, -1));
  return address.isIPv4MappedAddress() ? address.toIPv4Address().toString() : address.toString();
}

/** What a text that is no address is read as by programs that know octal and hexadecimal parts. */
export function otherReading(text: string): string | null {
  return ip.IPv4.isValid(text) ? ip.IPv4.parse(text).toString() : null;
}

/** Why an address in its one spelling is not that of one machine, as others see it; or null. */
export function unfitAddress(
  address: string,
): { readonly code: Extract<Code, 'INV028' | 'INV050'>; readonly kind: string } | null {
  const range = ip.isValid(address) ? rangeOf(address) : localName.test(address) ? 'loopback' : '';
  if (range === 'loopback') return { code: 'INV028', kind: 'loopback' };
  const kind = kinds[range];
  return kind === undefined ? null : { code: 'INV050', kind };
}

const kinds: Readonly<Record<string, string>> = {
  unspecified: 'unspecified',
  linkLocal: 'link-local',
  multicast: 'multicast',
  broadcast: 'broadcast',
  future: 'reserved',
  compatible: 'obsolete (IPv4-compatible)',
};

function rangeOf(address: string): string {
  const read = ip.parse(address);
  const range = read.range();
  const [first = 0, ...others] = read.toByteArray();
  // Addresses for documentation are reserved, too, and people try this program with them.
  if (range === 'reserved' && read.kind() === 'ipv4' && first >= 240) return 'future';
  const isCompatible =
    read.kind() === 'ipv6' && [first, ...others.slice(0, 11)].every((byte) => byte === 0);
  if (isCompatible && range !== 'unspecified' && range !== 'loopback') return 'compatible';
  return range;
}

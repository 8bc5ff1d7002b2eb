// Fields that several steps are given. Each says what it is for; numbers say their unit.

import * as z from 'zod';
import { absolutePath, id, line, word } from '../hosts.ts';

/** The id of a host. */
export function host(description: string) {
  return id.meta({ description });
}

/** Ids of hosts. */
export function hosts(description: string) {
  return z.array(id).meta({ description });
}

/** An address of a host: IPv4, IPv6 without brackets, or a name. */
export function address(description: string) {
  return word.meta({ description });
}

/** A URL, or `ADDRESS:PORT`, with IPv6 in brackets. */
export function url(description: string) {
  return line.meta({ description });
}

/** The name of a Swarm service. */
export function service(description: string) {
  return word.meta({ description });
}

/** Names of Swarm services. */
export function services(description: string) {
  return z.array(word).meta({ description });
}

/** An absolute path on the host on which the script runs. */
export function path(description: string) {
  return absolutePath.meta({ description });
}

/** The path of a script in the bundle. */
export const scriptPath = line.regex(/^[a-z0-9-]+(\/[a-z0-9-]+)*\.sh$/u);

/** Another script of the bundle. */
export function script(description: string) {
  return scriptPath.meta({ description });
}

/** A whole number and its unit. */
export function count(description: string, unit: string) {
  return z.int().min(0).meta({ description, 'x-unit': unit });
}

/** A host whose service is started or restarted from another one. */
export const hostService = {
  target: host('The host whose service it is.'),
  service: service('Its Swarm service.'),
};

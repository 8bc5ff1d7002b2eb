// JSON value -> its canonical text (keys sorted by code units, no spaces) and its sha256.

import { sha256 } from '../sha256.ts';

/** The canonical text of a JSON value, independent of the order of its keys. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, inner]) => `${JSON.stringify(key)}:${canonical(inner)}`);
  return `{${members.join(',')}}`;
}

/** The sha256 of a JSON value's canonical text. */
export function digest(value: unknown): string {
  return sha256(canonical(value));
}

/** A plan with another field, and with the digest that it then has. */
export function signed<Fields extends object>(plan: Fields): Fields & { readonly digest: string } {
  return { ...plan, digest: planDigest(plan) };
}

/** The digest that a plan states: of all of its fields but this one. */
export function planDigest(plan: object): string {
  return digest({ ...plan, digest: null });
}

// A JSON value -> its canonical text (keys sorted in code units, no spaces) and the sha256 of that.

import { createHash } from 'node:crypto';
import type { Sha256 } from './ir.ts';

/** The one text of a JSON value, whatever the order its keys were written in. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, inner]) => `${JSON.stringify(key)}:${canonical(inner)}`);
  return `{${members.join(',')}}`;
}

/** The sha256 of a JSON value's canonical text. */
export function digest(value: unknown): Sha256 {
  return createHash('sha256').update(canonical(value)).digest('hex');
}

// The version of plan, from its package.json.

import { readFileSync } from 'node:fs';

/** The version, such as `0.1.0`. */
export function version(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  const read: unknown = JSON.parse(text);
  const found = typeof read === 'object' && read !== null && 'version' in read ? read.version : '';
  return String(found);
}

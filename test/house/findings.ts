// What a rule finds in bash, and its text.

import type { Place } from './bash.ts';

/** What a rule finds. */
export interface Finding {
  readonly rule:
    | 'change'
    | 'code'
    | 'ending'
    | 'engine'
    | 'removal'
    | 'secret'
    | 'syntax'
    | 'width';
  readonly place: Place;
  readonly what: string;
}

/** A finding in one line. */
export function inWords({ rule, place, what }: Finding): string {
  const within = place.within === null ? '' : `${place.within}: `;
  return `${place.source.path}:${place.line} ${rule}: ${within}${what}`;
}

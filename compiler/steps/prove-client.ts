// Guide 7.1e: the client host is healthy.

import { defineStep } from './define.ts';
import { ofHost } from './facts.ts';
import { host } from './fields.ts';

export const proveClient = defineStep({
  params: { target: host('The client host.') },
  effect: 'observes',
  title: ({ target }) => `Prove that client host ${target} is back`,
  reason: 'Healthy, by a status that was written now and not before the disaster.',
  yields: ({ target }) => [ofHost('client-back', target)],
  args: ({ target }) => [target],
});

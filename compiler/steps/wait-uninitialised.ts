// Guide 6.1c, 7.1c: the host runs and has no state.

import { defineStep } from './define.ts';
import { ofHost } from './facts.ts';
import { host, script, url } from './fields.ts';

export const waitUninitialised = defineStep({
  params: {
    api: url('The API of the host itself.'),
    target: host('The host that joins.'),
    clear: script('The script that clears it.'),
  },
  effect: 'observes',
  title: ({ target }) => `Wait until ${target} is ready to be joined`,
  reason: 'Only a host without state answers /v1/version and refuses /v1/hosts.',
  yields: ({ target }) => [ofHost('uninitialised', target)],
  args: ({ api, target, clear }) => [api, target, clear],
});

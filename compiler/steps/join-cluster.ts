// Guide 6.1d and e, 7.1d and e: the token, then the join.

import { defineStep } from './define.ts';
import { ofCluster, ofHost } from './facts.ts';
import { host, script, url } from './fields.ts';

export const joinCluster = defineStep({
  params: {
    api: url('The API of the host itself.'),
    target: host('The host that joins.'),
    removal: script('The script that removes its record.'),
    clear: script('The script that clears it.'),
  },
  effect: 'changes',
  keptBy: 'clear-for-join',
  alsoSection: 'd',
  title: ({ target }) => `Join ${target} to the cluster`,
  reason: 'The join token of the recovery host is passed on unchanged, and never shown.',
  needs: ({ target }) => [
    ofHost('uninitialised', target),
    ofHost('record-removed', target),
    ofCluster('api-answers'),
  ],
  args: ({ api, target, removal, clear }) => [api, target, removal, clear],
});

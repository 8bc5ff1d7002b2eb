// Before guide 6.1b: whether the host can come back without being removed.

import { defineStep } from './define.ts';
import { ofCluster } from './facts.ts';
import { script } from './fields.ts';

export const checkReattachable = defineStep({
  params: {
    removal: script('The script that removes the host.'),
    join: script('The script that joins it after that.'),
  },
  effect: 'observes',
  title: 'Check whether this host can be reattached',
  reason: 'Its record, its credentials and the API generation decide, before anything changes.',
  needs: [ofCluster('api-answers')],
  args: ({ removal, join }) => [removal, join],
});

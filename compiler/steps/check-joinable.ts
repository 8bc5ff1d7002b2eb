// Before guide 6.1b: whether the cluster accepts this host as a new one.

import { defineStep } from './define.ts';
import { ofCluster, ofHost } from './facts.ts';
import { script } from './fields.ts';

export const checkJoinable = defineStep({
  params: {
    removal: script('The script that removes the host.'),
    reattach: script('The script that brings it back with its data; null: none.').nullable(),
  },
  effect: 'observes',
  title: 'Check whether this host can join',
  reason: 'Its record must be gone. A host that can be reattached does not have to lose anything.',
  needs: (_, subject) => [ofCluster('api-answers'), ofHost('record-removed', subject)],
  args: ({ removal, reattach }) => [removal, reattach ?? ''],
});

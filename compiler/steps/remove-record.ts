// Guide 5.2: the cluster no longer knows the host.

import { defineStep } from './define.ts';
import { ofCluster, ofHost } from './facts.ts';
import { host } from './fields.ts';

export const removeRecord = defineStep({
  params: { target: host('The host to remove.') },
  effect: 'changes',
  keptBy: 'save-specs',
  lasting: ({ target }) => ({
    certain: true,
    text:
      `${target} leaves the cluster and all databases. It can only join again as a new host, and is ` +
      'added to databases again by hand.',
  }),
  title: ({ target }) => `Remove the record of ${target}`,
  reason: 'A host whose record still exists cannot join again.',
  needs: [ofCluster('api-answers')],
  yields: ({ target }) => [ofHost('record-removed', target)],
  args: ({ target }) => [target],
});

// Guide 8.1 for one server host.

import { defineStep } from './define.ts';
import { ofCluster } from './facts.ts';
import { hostService } from './fields.ts';

export const restartHost = defineStep({
  params: hostService,
  effect: 'changes',
  title: ({ target }) => `Restart ${target}, unless that is already done`,
  reason: 'One at a time, waiting for each, and never one of only two voters.',
  needs: [ofCluster('quorum-reached')],
  args: ({ target, service }) => [target, service],
});

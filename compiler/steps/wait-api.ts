// Guide 4.2: the Control Plane serves the cluster.

import { defineStep } from './define.ts';
import { ofCluster } from './facts.ts';

export const waitApi = defineStep({
  params: {},
  effect: 'changes',
  title: 'Wait until the API serves the cluster',
  reason:
    'An answer from /v1/version proves nothing; one from /v1/hosts does. The time of it is recorded: ' +
    'from then on an undo would drop writes.',
  needs: [ofCluster('recovery-host-started')],
  yields: [ofCluster('api-answers')],
});

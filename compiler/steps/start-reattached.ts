// Guide 6.1c to e for a host that keeps its record.

import { defineStep } from './define.ts';
import { ofHost } from './facts.ts';

export const startReattached = defineStep({
  params: {},
  effect: 'changes',
  keptBy: 'clear-for-reattach',
  title: 'Start the service, which joins etcd again automatically',
  reason:
    'No removal, no token, and no database is touched: the host keeps its record and its credentials.',
  needs: (_, subject) => [ofHost('in-swarm', subject), ofHost('state-set-aside', subject)],
});

// Guide 8.1, if the inventory asks for it: all services in one go.

import { defineStep } from './define.ts';
import { ofCluster } from './facts.ts';
import { services } from './fields.ts';

export const restartAll = defineStep({
  params: { services: services('Every service, clients first, the recovery host last.') },
  effect: 'changes',
  title: 'Restart all hosts at once',
  reason: 'As in the guide, because the inventory asks for it. The API is not available meanwhile.',
  needs: [ofCluster('quorum-reached')],
  args: ({ services }) => services,
});

// Guide 1.3, 2.2, 6.1a, 7.1a: no process of the service is left on this machine.

import { defineStep } from './define.ts';
import { ofHost } from './facts.ts';
import { service } from './fields.ts';

export const stopContainer = defineStep({
  params: { service: service('The service whose container has to go.') },
  effect: 'changes',
  title: 'Stop the container and prove that it is gone',
  reason:
    'Swarm reports converged while the container is still running, and moving etcd/ would then corrupt ' +
    'it. Without quorum a graceful stop cannot succeed.',
  yields: (_, subject) => [ofHost('service-stopped', subject)],
  args: ({ service }) => [service],
});

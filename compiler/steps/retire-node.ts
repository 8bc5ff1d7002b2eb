// Guide 6.1a, 7.1a: the old machine of a replaced host is no node any more.

import { defineStep } from './define.ts';
import { ofHost } from './facts.ts';
import { service } from './fields.ts';

export const retireNode = defineStep({
  params: { service: service('The service of the host that was replaced.') },
  effect: 'changes',
  lasting: {
    certain: false,
    text: 'If the old machine has a node in the Swarm, that node is removed.',
  },
  title: 'Remove the node of the old machine from the Swarm',
  reason: 'A manager that never returns counts against the quorum of the Swarm.',
  needs: (_, subject) => [ofHost('in-swarm', subject)],
  args: ({ service }) => [service],
});

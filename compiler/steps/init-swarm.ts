// Guide 1.3 after a total loss: a new Swarm on the recovery host.

import { defineStep } from './define.ts';
import { ofCluster, ofHost } from './facts.ts';
import { address } from './fields.ts';

export const initSwarm = defineStep({
  params: { address: address('The address by which other machines reach this manager.') },
  effect: 'changes',
  title: 'Create a new Docker Swarm',
  reason: 'The recovery host is a new machine and nothing is left of the old Swarm.',
  yields: (_, subject) => [ofCluster('swarm-leader'), ofHost('in-swarm', subject)],
  args: ({ address }) => [address],
});

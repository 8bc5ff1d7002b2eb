// Guide 1.3: without a leader of the Swarm no service can be stopped.

import { defineStep } from './define.ts';
import { ofCluster } from './facts.ts';
import { address } from './fields.ts';

export const reviveSwarm = defineStep({
  params: { address: address('The address by which other managers reach this one.') },
  effect: 'changes',
  lasting: {
    certain: false,
    text:
      'If Docker Swarm has lost its quorum, this host becomes its only manager, and the others join ' +
      'it again as workers.',
  },
  title: 'Give Docker Swarm a leader again if it has lost its own quorum',
  reason:
    'Server hosts are the managers of the Swarm, so it usually loses its quorum together with etcd. ' +
    'Without a leader no service can be stopped.',
  yields: [ofCluster('swarm-leader')],
  args: ({ address }) => [address],
});

// Guide 5.1: the quorum, before a host is removed.

import { defineStep } from './define.ts';
import { count } from './fields.ts';

export const stateThreshold = defineStep({
  params: {
    servers: count('Server hosts of the cluster as it was.', 'hosts'),
    quorum: count('Their quorum.', 'votes'),
    target: count('Voters that this plan can reach.', 'votes'),
  },
  effect: 'observes',
  title: ({ quorum, target }) =>
    `State the quorum (${quorum}) and the target (${target} voter${target === 1 ? '' : 's'})`,
  reason:
    'The quorum of the cluster as it was, and how many voters this plan can reach: the target for ' +
    'redundancy, not a condition for writing.',
  args: ({ servers, quorum, target }) => [String(servers), String(quorum), String(target)],
});

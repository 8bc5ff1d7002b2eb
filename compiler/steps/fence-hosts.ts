// Guide 1.3: no other server host of the lost cluster may run or come back too early.

import { defineStep } from './define.ts';
import { ofCluster, ofHost } from './facts.ts';
import { count, hosts } from './fields.ts';

export const fenceHosts = defineStep({
  params: {
    quorum: count('The quorum of the lost cluster.', 'votes'),
    hosts: hosts('Every other server host.'),
  },
  effect: 'observes',
  title: ({ hosts }) =>
    hosts.length === 1
      ? `Make sure that ${hosts[0]} stays out`
      : `Make sure that the ${hosts.length} other server hosts stay out`,
  reason:
    'Lost hosts that are only unreachable, or that come back too early, may form the old quorum. If one ' +
    'that is still running could tip the balance, the script waits for it to stop.',
  needs: [ofCluster('services-stopped')],
  yields: ({ hosts }) => hosts.map((host) => ofHost('fenced', host)),
  args: ({ quorum }) => [String(quorum)],
  options: ['--fenced'],
});

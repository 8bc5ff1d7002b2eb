// Guide 5.2: the host does not answer, and its databases can be updated without it.

import { hostPorts } from '../hosts.ts';
import { defineStep } from './define.ts';
import { ofCluster } from './facts.ts';
import { address, host } from './fields.ts';

export const checkRemovable = defineStep({
  params: {
    target: host('The host to remove.'),
    address: address('Its first address.'),
    ports: hostPorts.meta({ description: 'Its TCP ports, none of which may answer.' }),
  },
  effect: 'observes',
  title: ({ target }) => `Check that ${target} can be removed`,
  reason:
    'A host is not removed while it answers, nor while another host of its databases is down.',
  needs: [ofCluster('api-answers')],
  args: ({ target, address, ports }) => [
    target,
    address,
    ...[ports.api, ports.etcdClient, ports.etcdPeer].map(String),
  ],
  options: ['--also'],
});

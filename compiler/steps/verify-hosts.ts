// Guide 8.2: every host that is expected is healthy.

import { defineStep } from './define.ts';
import { ofCluster } from './facts.ts';
import { hosts } from './fields.ts';

export const verifyHosts = defineStep({
  params: {
    servers: hosts('Server hosts that are expected.'),
    clients: hosts('Client hosts that are expected.'),
  },
  effect: 'observes',
  title: 'Verify that all hosts are healthy',
  reason: 'By a fresh status: a stored one may be older than the disaster.',
  needs: [ofCluster('api-answers'), ofCluster('quorum-reached')],
  yields: [ofCluster('hosts-verified')],
  args: ({ servers, clients }) => [String(servers.length), ...servers, ...clients],
});

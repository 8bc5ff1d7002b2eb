// Guide 4.3: etcd is healthy on this host.

import { defineStep } from './define.ts';
import { ofCluster } from './facts.ts';

export const checkEndpoint = defineStep({
  params: {},
  effect: 'observes',
  title: 'Check the health of etcd',
  reason: 'With the credentials of the host itself, which proves that they were restored.',
  needs: [ofCluster('api-answers')],
});

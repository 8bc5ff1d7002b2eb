// Guide 4.4: the recovered cluster has one member.

import { defineStep } from './define.ts';
import { ofCluster } from './facts.ts';

export const proveAlone = defineStep({
  params: {},
  effect: 'observes',
  title: 'Prove that this host is the only member',
  reason:
    'Counted in the member list: the status of one endpoint is one row, however many members there are.',
  needs: [ofCluster('api-answers')],
});

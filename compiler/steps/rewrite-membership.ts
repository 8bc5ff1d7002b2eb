// Guide 3.2: one voter, tried where nobody else can connect.

import { defineStep } from './define.ts';
import { ofCluster } from './facts.ts';

export const rewriteMembership = defineStep({
  params: {},
  effect: 'changes',
  title: 'Rewrite the membership on loopback and prove one voter',
  reason: 'A trial start that no client and no old member can reach.',
  needs: [ofCluster('etcd-restored')],
  yields: [ofCluster('membership-rewritten')],
});

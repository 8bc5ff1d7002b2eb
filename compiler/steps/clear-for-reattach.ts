// Guide 6.1b for a host that keeps its record: only the etcd membership is renewed.

import { defineStep } from './define.ts';
import { ofHost } from './facts.ts';

export const clearForReattach = defineStep({
  params: {},
  effect: 'changes',
  setsAside: true,
  title: 'Set etcd/ aside, and point the configuration at the recovery host',
  reason: 'Its old membership is void: two hosts with old data would form the old quorum again.',
  needs: (_, subject) => [ofHost('service-stopped', subject)],
  yields: (_, subject) => [ofHost('state-set-aside', subject)],
});

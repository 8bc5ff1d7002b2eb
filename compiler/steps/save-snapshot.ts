// Guide 1.1 before any incident: a snapshot of the running cluster.

import { defineStep } from './define.ts';

export const saveSnapshot = defineStep({
  params: {},
  effect: 'changes',
  title: 'Save a snapshot of the running cluster',
  reason: 'Possible only while the cluster has its quorum.',
});

// Before guide 6.1c: no member entry is left of an earlier attempt.

import { defineStep } from './define.ts';
import { ofCluster } from './facts.ts';

export const dropStaleMember = defineStep({
  params: {},
  effect: 'changes',
  title: 'Make sure that no stale member entry is in the way',
  reason: 'If an unstarted member or a learner has this peer URL, every further attempt fails.',
  needs: [ofCluster('api-answers')],
});

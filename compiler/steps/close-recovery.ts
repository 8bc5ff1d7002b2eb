// After guide 8.4: nothing of the recovery is left running, and its end is recorded.

import { defineStep } from './define.ts';
import { ofCluster } from './facts.ts';

export const closeRecovery = defineStep({
  params: {},
  effect: 'changes',
  title: 'Close the recovery',
  reason:
    'It removes what the recovery has left in Docker. It reports what is not well, what the cluster ' +
    'tolerates now, and which machines must stay off.',
  needs: [ofCluster('hosts-verified')],
  yields: [ofCluster('closed')],
});

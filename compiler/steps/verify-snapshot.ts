// Guide 1.2: the chosen snapshot is complete, unchanged and can be restored.

import { defineStep } from './define.ts';
import { ofCluster } from './facts.ts';

export const verifySnapshot = defineStep({
  params: {},
  effect: 'observes',
  title: 'Verify the snapshot',
  reason:
    'A snapshot that is truncated, changed, or from another storage version must not be restored.',
  needs: [ofCluster('snapshot-chosen')],
  yields: [ofCluster('snapshot-verified')],
});

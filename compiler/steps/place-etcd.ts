// Guide 2.4: the restored directory gets its final name.

import { defineStep } from './define.ts';
import { ofCluster } from './facts.ts';

export const placeEtcd = defineStep({
  params: {},
  effect: 'changes',
  title: 'Move the restored data into place',
  reason: 'One rename of a complete directory. The record that says so is written last.',
  needs: [ofCluster('etcd-set-aside')],
  yields: [ofCluster('etcd-restored')],
});

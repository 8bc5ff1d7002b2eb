// Guide 2.2: the old data is renamed, never deleted.

import { defineStep } from './define.ts';
import { ofCluster } from './facts.ts';

export const setEtcdAside = defineStep({
  params: {},
  effect: 'changes',
  setsAside: true,
  title: 'Set etcd/ aside, keep copies of certificates and configuration',
  reason: 'Nothing is deleted: undo puts this back.',
  needs: [ofCluster('recovery-host-checked')],
  yields: [ofCluster('etcd-set-aside')],
});

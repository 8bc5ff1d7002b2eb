// Guide 2.1: this machine has what the restored etcd needs.

import { defineStep } from './define.ts';
import { ofCluster } from './facts.ts';

export const checkRecoveryHost = defineStep({
  params: {},
  effect: 'observes',
  title: 'Check that this host can be the recovery host',
  reason: 'Wrong certificates, user, CA or tools would show only after the restore.',
  needs: [ofCluster('snapshot-verified')],
  yields: [ofCluster('recovery-host-checked')],
});

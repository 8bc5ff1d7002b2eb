// Guide 4.1, 6.1c, 7.1c: the service at 1 replica, with its data prepared.

import * as z from 'zod';
import { defineStep } from './define.ts';
import { ofCluster, ofHost } from './facts.ts';
import { hostService } from './fields.ts';
import { acceptsWrites } from './lasting.ts';

export const startService = defineStep({
  params: {
    ...hostService,
    role: z
      .enum(['recovery-host', 'server', 'client'])
      .meta({ description: 'The recovery host with restored data, or a cleared host that joins.' }),
  },
  effect: 'changes',
  lasting: ({ role }) => (role === 'recovery-host' ? acceptsWrites : null),
  title: ({ target }) => `Start the service of ${target}`,
  reason: 'At 1 replica, with a running task on the right node.',
  needs: ({ role, target }) => {
    switch (role) {
      case 'recovery-host':
        return [ofCluster('etcd-restored')];
      case 'server':
        return [ofHost('in-swarm', target), ofHost('state-set-aside', target)];
      case 'client':
        return [
          ofCluster('api-answers'),
          ofCluster('quorum-reached'),
          ofHost('state-set-aside', target),
        ];
    }
  },
  yields: ({ role }) => (role === 'recovery-host' ? [ofCluster('recovery-host-started')] : []),
  args: ({ service, target }) => [service, target],
});

// Guide 8.4: etcd as every member sees it.

import * as z from 'zod';
import { line } from '../hosts.ts';
import { defineStep } from './define.ts';
import { ofCluster } from './facts.ts';
import { hosts } from './fields.ts';

export const verifyMembers = defineStep({
  params: {
    endpoints: z.array(line).meta({ description: 'Client URLs of the server hosts expected.' }),
    servers: hosts('The same hosts, by id.'),
  },
  effect: 'observes',
  title: 'Verify the etcd cluster from every endpoint',
  reason: 'One cluster id, every server host a started voter, no learner.',
  needs: [ofCluster('quorum-reached')],
  args: ({ endpoints, servers }) => [String(endpoints.length), ...endpoints, ...servers],
});

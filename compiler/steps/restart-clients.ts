// Guide 8.1 for client hosts.

import * as z from 'zod';
import { defineStep } from './define.ts';
import { ofCluster } from './facts.ts';
import { hostService } from './fields.ts';

export const restartClients = defineStep({
  params: {
    clients: z.array(z.strictObject(hostService)).meta({ description: 'The client hosts.' }),
  },
  effect: 'changes',
  title: ({ clients }) =>
    clients.length === 1
      ? `Restart client host ${clients[0]?.target}, unless that is already done`
      : `Restart ${clients.length} client hosts, unless that is already done`,
  reason: 'Twenty at a time: they are not members, and databases keep running meanwhile.',
  needs: [ofCluster('quorum-reached')],
  args: ({ clients }) => clients.flatMap((host) => [host.target, host.service]),
});

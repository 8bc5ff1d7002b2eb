// After guide 4.4: client hosts that survived have connected to the recovered cluster.

import * as z from 'zod';
import { port } from '../hosts.ts';
import { defineStep } from './define.ts';
import { ofCluster } from './facts.ts';
import { address, hostService } from './fields.ts';

export const refreshClients = defineStep({
  params: {
    clients: z
      .array(z.strictObject({ ...hostService, address: address('Its first address.'), port }))
      .meta({ description: 'Client hosts that may be running.' }),
  },
  effect: 'changes',
  title: ({ clients }) =>
    clients.length === 1
      ? `Make sure that client host ${clients[0]?.target} is connected again`
      : `Make sure that ${clients.length} client hosts are connected again`,
  reason: 'Database updates need their workers. Clients that stay stale are restarted once.',
  needs: [ofCluster('api-answers')],
  args: ({ clients }) =>
    clients.flatMap((host) => [host.target, host.service, host.address, String(host.port)]),
});

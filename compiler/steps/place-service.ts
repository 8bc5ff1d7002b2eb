// Guide 1.3, 6.1a, 7.1a: the service runs on the node that its host has in this Swarm.

import * as z from 'zod';
import { word } from '../hosts.ts';
import { defineStep } from './define.ts';
import { ofHost } from './facts.ts';
import { service } from './fields.ts';

export const placeService = defineStep({
  params: {
    service: service('The service to place.'),
    addresses: z.array(word).meta({
      description:
        'Addresses of its node; without any, the node is the machine the script runs on.',
    }),
  },
  effect: 'changes',
  title: ({ service }) => `Place ${service} on its node of this Swarm`,
  reason:
    'A machine that is new to the Swarm has a new node id, and the service is still tied to the old one.',
  needs: (_, subject) => [ofHost('in-swarm', subject)],
  args: ({ service, addresses }) => [service, ...addresses],
});

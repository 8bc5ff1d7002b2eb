// Guide 1.3, 2.2, 5.2, 6.1a: services at 0 replicas.

import * as z from 'zod';
import { defineStep } from './define.ts';
import { ofCluster, ofHost } from './facts.ts';
import { services } from './fields.ts';

const reasons = {
  recovery:
    'In one call, so that no server host starts with old data while others are being stopped.',
  removal: 'A host that is still running would write its record again.',
  return: 'Its data is moved next. Usually the service has been at 0 since phase 1.',
  undo: 'No data is moved while a process is using it.',
} as const;

export const stopServices = defineStep({
  params: {
    before: z
      .enum(['recovery', 'removal', 'return', 'undo'])
      .meta({ description: 'What the services are stopped for.' }),
    services: services('The services to scale to 0.'),
  },
  effect: 'changes',
  title: ({ services }) =>
    services.length === 1 ? 'Scale the service to 0' : 'Scale all server services to 0',
  reason: ({ before }) => reasons[before],
  needs: ({ before }, subject) => {
    switch (before) {
      case 'recovery':
        return [ofCluster('swarm-leader')];
      case 'removal':
        return [ofCluster('api-answers')];
      case 'return':
        return [ofHost('in-swarm', subject)];
      case 'undo':
        return [];
    }
  },
  yields: ({ before }) => (before === 'recovery' ? [ofCluster('services-stopped')] : []),
  args: ({ services }) => services,
});

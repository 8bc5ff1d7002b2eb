// Guide 1.3 after a total loss: the services of the Control Plane, none of them running.

import { word } from '../hosts.ts';
import { defineStep } from './define.ts';
import { ofCluster } from './facts.ts';
import { path, services } from './fields.ts';

export const deployStack = defineStep({
  params: {
    stackFile: path('The stack file.'),
    stack: word.meta({ description: 'The name of the stack.' }),
    services: services('Every service that the stack must bring.'),
  },
  effect: 'changes',
  title: 'Deploy the stack with every service at 0 replicas',
  reason:
    'The new Swarm has no services. At 0 replicas none of them starts with data that is not restored yet.',
  needs: [ofCluster('swarm-leader')],
  args: ({ stackFile, stack, services }) => [stackFile, stack, ...services],
});

// Before guide 6.1a, 7.1a: a machine that this Swarm does not know yet.

import * as z from 'zod';
import { defineStep } from './define.ts';
import { ofHost } from './facts.ts';
import { url } from './fields.ts';
import { leavesSwarm } from './lasting.ts';

export const enterSwarm = defineStep({
  params: {
    role: z.enum(['manager', 'worker']).meta({ description: 'What the machine becomes.' }),
    remote: url('Where the Swarm accepts nodes: `ADDRESS:PORT` of the recovery host.'),
  },
  effect: 'changes',
  lasting: leavesSwarm,
  title: ({ role }) => `Join the Swarm as a ${role}`,
  reason: 'A machine that is not in the Swarm cannot run the service.',
  yields: (_, subject) => [ofHost('in-swarm', subject)],
  args: ({ role, remote }) => [role, remote],
  options: ['--swarm-token-file'],
});

// Before guide 6.1a: this machine is a manager of the Swarm again.

import { defineStep } from './define.ts';
import { ofHost } from './facts.ts';
import { leavesSwarm } from './lasting.ts';

export const returnToSwarm = defineStep({
  params: {},
  effect: 'changes',
  lasting: leavesSwarm,
  title: 'Make sure that this machine is back in the Swarm',
  reason:
    'After the Swarm is revived, a returning manager is a worker first and becomes a manager within a ' +
    'minute.',
  yields: (_, subject) => [ofHost('in-swarm', subject)],
  options: ['--swarm-token-file'],
});

// The way back out of guide 6.1b, 7.1b.

import { defineStep } from './define.ts';

export const undoClear = defineStep({
  params: {},
  effect: 'changes',
  title: 'Put the state that was set aside back',
  reason: 'The host is then as it was found, and stays stopped.',
});

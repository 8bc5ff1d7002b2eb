// Before guide 5.2: what the databases were, while it is still known.

import { defineStep } from './define.ts';
import { ofCluster } from './facts.ts';
import { host } from './fields.ts';

export const saveSpecs = defineStep({
  params: { target: host('The host to remove.') },
  effect: 'changes',
  title: 'Save the specification of every database',
  reason: 'Removal changes them. Phase 8 compares them with what was saved.',
  needs: [ofCluster('api-answers')],
  args: ({ target }) => [target],
});

// Guide 5.2: no database has an instance on the host any more.

import { defineStep } from './define.ts';
import { ofCluster } from './facts.ts';
import { host, hosts } from './fields.ts';

export const updateDatabases = defineStep({
  params: {
    target: host('The host to remove.'),
    together: hosts('Hosts that are removed with it, in the same update.'),
  },
  effect: 'changes',
  keptBy: 'save-specs',
  title: ({ target }) => `Take ${target} out of its databases`,
  reason: 'In one update for all hosts to be removed: removed one at a time, they deadlock.',
  needs: [ofCluster('api-answers')],
  args: ({ target, together }) => [target, ...together],
  options: ['--also'],
});

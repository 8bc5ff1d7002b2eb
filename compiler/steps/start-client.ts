// Guide 7.1c for a client host that keeps its credentials.

import { defineStep } from './define.ts';
import { ofCluster } from './facts.ts';
import { hostService, script, url } from './fields.ts';

export const startClient = defineStep({
  params: {
    ...hostService,
    api: url('The API of the client host.'),
    removal: script('The script that removes it, if a start does not bring it back.'),
    clear: script('The script that clears it after that.'),
    join: script('The script that joins it after that.'),
  },
  effect: 'changes',
  title: ({ target }) => `Start client host ${target} and make sure that it connects`,
  reason: 'If the cluster still accepts its credentials, nothing else is needed.',
  needs: [ofCluster('api-answers'), ofCluster('quorum-reached')],
  args: ({ target, service, api, removal, clear, join }) => [
    ...[target, service, api],
    ...[removal, clear, join],
  ],
});

// Guide 6.1b, 7.1b: the host holds no state of the cluster.

import { hostMode } from '../hosts.ts';
import { defineStep } from './define.ts';
import { ofHost } from './facts.ts';
import { script } from './fields.ts';

export const clearForJoin = defineStep({
  params: {
    mode: hostMode.meta({ description: 'Of the host that is cleared.' }),
    removal: script('The script that removes its record.'),
  },
  effect: 'changes',
  setsAside: true,
  title: 'Set the state of the old membership aside',
  reason: ({ mode }) =>
    mode === 'server'
      ? 'A host that holds state does not accept a join. instances/ is never touched.'
      : 'A client host holds no etcd, only generated.config.json and three certificate files. ' +
        'instances/ is never touched.',
  needs: (_, subject) => [ofHost('service-stopped', subject), ofHost('record-removed', subject)],
  yields: (_, subject) => [ofHost('state-set-aside', subject)],
  args: ({ removal }) => [removal],
});

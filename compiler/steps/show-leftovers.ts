// Guide 4.4: what the snapshot brought along that a person should know.

import { defineStep } from './define.ts';
import { ofCluster } from './facts.ts';

export const showLeftovers = defineStep({
  params: {},
  effect: 'observes',
  title: 'Show alarms, and tasks that came back with the snapshot',
  reason: 'These tasks were running when the snapshot was taken, and nothing finishes them now.',
  needs: [ofCluster('api-answers')],
});

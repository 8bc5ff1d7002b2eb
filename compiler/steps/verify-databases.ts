// Guide 8.3: databases and instances are available.

import { defineStep } from './define.ts';
import { ofCluster } from './facts.ts';

export const verifyDatabases = defineStep({
  params: {},
  effect: 'observes',
  title: 'Verify databases and their instances',
  reason: 'The state of a database is only stored; that of its instances is measured.',
  needs: [ofCluster('api-answers')],
});

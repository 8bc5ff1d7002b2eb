// Guide 3.2: clients that survived lose their old login tokens.

import { defineStep } from './define.ts';
import { ofCluster } from './facts.ts';
import { count } from './fields.ts';
import { acceptsWrites } from './lasting.ts';

export const tokenWindow = defineStep({
  params: { seconds: count('How long etcd refuses old login tokens.', 'seconds') },
  effect: 'changes',
  lasting: acceptsWrites,
  note: 'From here on surviving databases can write again.',
  title: 'Make everything that holds an old login log in again',
  reason:
    'A restored etcd makes clients with old login tokens wait instead of refusing them, so surviving ' +
    'databases would stay read-only. They can write from here on.',
  needs: [ofCluster('etcd-restored')],
  args: ({ seconds }) => [String(seconds)],
});

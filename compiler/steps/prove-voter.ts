// Guide 6.1f: the host is a voting member, and how many there are now.

import { defineStep } from './define.ts';
import { ofHost } from './facts.ts';
import { count, hosts } from './fields.ts';

export const proveVoter = defineStep({
  params: {
    threshold: count('The target: voters to reach.', 'votes'),
    others: hosts('Server hosts that may have to be waited for.'),
  },
  effect: 'observes',
  title: 'Prove that this host votes, and count the voters',
  reason: 'Started members that are not learners, compared with the target.',
  yields: (_, subject) => [ofHost('member-back', subject)],
  args: ({ threshold, others }) => [String(threshold), ...others],
});

// Guide 1.1 after the quorum is lost: a snapshot from a copy of this host's data.

import { defineStep } from './define.ts';
import { ofHost } from './facts.ts';

export const salvageSnapshot = defineStep({
  params: {},
  effect: 'changes',
  title: "Save a snapshot from a copy of this host's data and report what may be lost",
  reason:
    'Nothing in the write-ahead log of this host is lost, and the result carries its hash. Saving from ' +
    'the running etcd needs the quorum that is gone.',
  needs: (_, subject) => [ofHost('service-stopped', subject)],
});

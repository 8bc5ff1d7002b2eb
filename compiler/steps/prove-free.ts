// Guide 1.3, 3.1: no process holds the database or listens on its ports.

import * as z from 'zod';
import { defineStep } from './define.ts';
import { ofCluster, ofHost } from './facts.ts';

export const proveFree = defineStep({
  params: {
    before: z
      .enum(['restore', 'rewrite'])
      .meta({ description: 'What is done next with the data.' }),
  },
  effect: 'observes',
  title: ({ before }) =>
    before === 'restore'
      ? 'Prove that nothing holds the database or the ports'
      : 'Prove again that nothing holds the database or the ports',
  reason: 'Nothing is killed by name: the script names the process that holds them, and stops.',
  needs: ({ before }, subject) =>
    before === 'restore' ? [ofHost('service-stopped', subject)] : [ofCluster('etcd-restored')],
  args: ({ before }) => [before],
});

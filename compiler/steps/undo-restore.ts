// The way back out of guide 2.2 to 4.

import { defineStep } from './define.ts';
import { ofHost } from './facts.ts';

export const undoRestore = defineStep({
  params: {},
  effect: 'changes',
  title: 'Put the old etcd/ back and keep the restored one aside',
  reason: 'The host is then as phase 2 found it.',
  needs: (_, subject) => [ofHost('service-stopped', subject)],
  options: ['--drop-writes-since-restore'],
});

// Guide 2.4, 3.3: the service can read and write the restored data.

import * as z from 'zod';
import { word } from '../hosts.ts';
import { defineStep } from './define.ts';
import { ofCluster } from './facts.ts';

export const fixOwnership = defineStep({
  params: {
    after: z
      .enum(['restore', 'rewrite'])
      .meta({ description: 'What has written the data as root.' }),
    owner: word.meta({ description: '`reference`: as the old directory; or `USER:GROUP`.' }),
  },
  effect: 'changes',
  title: 'Set owner, mode and label of the restored data',
  reason: ({ after }) =>
    after === 'restore'
      ? 'As the old directory has them, or as the inventory says, and before the data is in place.'
      : 'etcd has written as root since phase 2.',
  needs: ({ after }) => [ofCluster(after === 'restore' ? 'etcd-set-aside' : 'etcd-restored')],
  args: ({ owner }) => [owner],
});

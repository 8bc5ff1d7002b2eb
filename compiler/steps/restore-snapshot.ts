// Guide 2.3: the snapshot becomes an etcd data directory next to its place.

import { defineStep } from './define.ts';
import { ofCluster } from './facts.ts';
import { count } from './fields.ts';

export const restoreSnapshot = defineStep({
  params: {
    revisionBump: count('Added to every revision; null: none.', 'revisions').nullable(),
  },
  effect: 'changes',
  keptBy: 'set-etcd-aside',
  title: 'Restore the snapshot',
  reason: ({ revisionBump }) =>
    revisionBump === null
      ? 'Next to the target. Revisions continue from the snapshot, as the inventory asks: a watcher may ' +
        'see one go backwards.'
      : `Next to the target. Revisions are raised by ${revisionBump}, so that no watcher ever sees one ` +
        'go backwards.',
  needs: [ofCluster('snapshot-verified'), ofCluster('etcd-set-aside')],
  args: ({ revisionBump }) =>
    revisionBump === null ? [] : ['--bump-revision', String(revisionBump), '--mark-compacted'],
});

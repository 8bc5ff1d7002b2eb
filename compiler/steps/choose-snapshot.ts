// Guide 1.1: which snapshot is restored.

import * as z from 'zod';
import { snapshotObject } from '../inventory/schema.ts';
import { defineStep } from './define.ts';
import { ofCluster, ofHost } from './facts.ts';

const { source, path, sha256 } = snapshotObject.unwrap().shape;

export const chooseSnapshot = defineStep({
  params: {
    source: source.unwrap().meta({ description: 'Where the snapshot comes from.' }),
    path: path.unwrap().meta({ description: 'A file to restore, or to compare; null: none.' }),
    sha256: sha256.unwrap().meta({ description: 'What that file must hash to; null: not pinned.' }),
    salvaged: z
      .boolean()
      .meta({ description: 'Whether the step before saves one from this host.' }),
  },
  effect: 'changes',
  title: 'Choose the snapshot and show the evidence',
  reason: ({ source, path, salvaged }) => {
    if (source === 'saved') return 'The inventory names a saved snapshot.';
    if (source === 'raw') {
      return 'The inventory names a raw copy of the database, which carries no hash of its own.';
    }
    if (!salvaged) {
      return 'A new machine has no data to salvage, so the file that the inventory names is used.';
    }
    if (source === 'freshest' && path !== null) {
      return 'Both the salvaged data and the saved file are checked: the larger revision wins.';
    }
    return (
      'The data salvaged from this host is used: everything that this host had received. Another host ' +
      'may have received more.'
    );
  },
  needs: (_, subject) => [ofHost('service-stopped', subject)],
  yields: [ofCluster('snapshot-chosen')],
  args: ({ source, path, sha256 }) => [source, path ?? '', sha256 ?? ''],
});

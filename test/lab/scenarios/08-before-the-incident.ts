// Scenario 8: the bundles were compiled before anything happened; which of them is used, the loss
// decides. host-1 is lost, so the recovery host is host-2. Before, `plan init` has asked the running
// cluster: its inventory makes the same bundle as the one by hand.

import { proveInit } from '../learn.ts';
import { compileBundle, inventoryOf } from '../operator.ts';
import { lose, prepare, recover, returnBefore, type Scenario, servers } from '../stage.ts';

export const beforeTheIncident: Scenario = {
  name: '8',
  title: 'a bundle compiled before the incident, for a recovery host chosen afterwards',
  generation: '0.9',
  extra: true,
  run: async (stage) => {
    const prepared = await prepare(stage, servers(3));
    const { cluster } = prepared;
    const inventory = inventoryOf(cluster, {}, {});
    const bundle = await compileBundle(cluster, inventory, 'bundle', 'host-2');
    const learned = await proveInit(cluster, inventory, bundle, 'host-2');
    const lost = ['host-1', 'host-3'];
    await lose(stage, cluster, lost);
    const outcome = await recover(stage, prepared, {
      states: {},
      bundle,
      story: { before: returnBefore(stage, cluster, 'host-1', lost) },
      expected: { recoveryHost: 'host-2' },
    });
    return { ...outcome, proofs: [learned, ...outcome.proofs] };
  },
};

// What several steps do that no script of a bundle takes back.

import type { Lasting } from './define.ts';

/** The recovery host with the restored data, from the token window or its start on. */
export const acceptsWrites: Lasting = {
  certain: true,
  text:
    'The restored cluster accepts writes from here on. They are lost if you go back, so the undo ' +
    'script then asks for --drop-writes-since-restore.',
};

/** A machine that enters the Swarm of the recovery host. */
export const leavesSwarm: Lasting = {
  certain: false,
  text: 'If this machine is in another Swarm, it leaves that Swarm.',
};

// Setting -> the scripts outside the recovery: snapshots before an incident, and the ways back.

import type { Host } from '../hosts.ts';
import type { Turn } from './ir.ts';
import { asidePath } from './names.ts';
import { type Setting, slotOf } from './setting.ts';
import { bodyAt, type OpenStep, step } from './turn.ts';

/** A snapshot for each server host, and a way back for each host that sets data aside. */
export function asides(setting: Setting): readonly Turn[] {
  const { servers, clients, chosen, others } = setting;
  const cleared = clients.filter((host) => slotOf(setting, 'client-clear', host.id) !== null);
  return [
    ...servers.map(snapshot),
    undoRestore(chosen),
    ...others.filter((host) => host.state !== 'gone').map(undoClear),
    ...cleared.map(undoClear),
  ];
}

/** guide 1.1 as it is meant: while the quorum is intact. */
function snapshot({ id }: Host): Turn {
  const path = asidePath('snapshot', id);
  return {
    ...bodyAt(
      { path, order: null, role: 'snapshot', host: id, subject: id, when: 'before' },
      {
        title: `save a snapshot of the running cluster on ${id}`,
        reason:
          'Worth running every day while all is well; once the quorum is lost it cannot work.',
      },
      [step('1.1', 'save-snapshot', {})],
    ),
    next: ['Keep a copy of the snapshot on a machine that is no host of this cluster.'],
  };
}

function undoRestore(host: Host): Turn {
  const { service } = host;
  return undo(
    host,
    {
      title: `put ${host.id} back as phase 2 found it`,
      reason:
        'The way back out of phases 2 to 4. What the recovered cluster wrote since is kept aside.',
    },
    [
      step('2.2', 'stop-services', { before: 'undo', services: [service] }),
      step('2.2', 'stop-container', { service }),
      step('2.2', 'undo-restore', {}),
    ],
    [
      'The service stays at 0. Start it only if every host of the old quorum is to start again,',
      'or start over with the first script of this bundle.',
    ],
  );
}

function undoClear(host: Host): Turn {
  // It stops the service itself, after it has made sure that the host has not come back: stopping
  // one of two voters would halt the cluster.
  return undo(
    host,
    {
      title: `put ${host.id} back as it was before it was cleared`,
      reason: 'The way back if a host was cleared and has not come back into the cluster.',
    },
    [step(host.mode === 'server' ? '6.1b' : '7.1b', 'undo-clear', {})],
    ['The service stays at 0: old data next to the recovered cluster is a second cluster.'],
  );
}

function undo(
  { id }: Host,
  words: { readonly title: string; readonly reason: string },
  steps: readonly OpenStep[],
  next: Turn['next'],
): Turn {
  const path = asidePath('undo', id);
  const place = { path, order: null, role: 'undo', host: id, subject: id, when: 'undo' } as const;
  return { ...bodyAt(place, words, steps), next };
}

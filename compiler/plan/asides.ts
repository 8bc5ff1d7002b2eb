// Setting -> the scripts beside the recovery: snapshots before an incident, and the ways back.

import type { Host, Turn } from './ir.ts';
import { type Setting, slotOf } from './setting.ts';
import { step } from './steps.ts';
import { of } from './turn.ts';

/** `before/snapshot-<host>.sh` for server hosts, `undo/<host>.sh` for hosts that set data aside. */
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
function snapshot(host: Host): Turn {
  return {
    path: `before/snapshot-${host.id}.sh`,
    host: host.id,
    subject: host.id,
    title: `save a snapshot of the running cluster on ${host.id}`,
    when: 'before',
    reason: 'Worth running every day while all is well; once the quorum is lost it cannot work.',
    steps: [step('1.1', 'save-snapshot', {})],
    omits: [],
    next: ['Keep a copy of the snapshot on a machine that is no host of this cluster.'],
  };
}

function undoRestore(host: Host): Turn {
  return {
    path: `undo/${host.id}.sh`,
    host: host.id,
    subject: host.id,
    title: `put ${host.id} back as phase 2 found it`,
    when: 'undo',
    reason:
      'The way back out of phases 2 to 4. What the recovered cluster wrote since is kept aside.',
    steps: [
      step(
        '2.2',
        'stop-services',
        { services: [host.service] },
        {
          reason: 'No data are moved under a running process.',
        },
      ),
      step(
        '2.2',
        'stop-container',
        { service: host.service },
        {
          yields: [of('service-stopped', host)],
        },
      ),
      step('2.2', 'undo-restore', {}, { needs: [of('service-stopped', host)] }),
    ],
    omits: [],
    next: [
      'The service stays at 0. Start it only if every host of the old quorum is to start again,',
      'or begin anew with the first script of this bundle.',
    ],
  };
}

function undoClear(host: Host): Turn {
  const guide = host.mode === 'server' ? '6.1b' : '7.1b';
  return {
    path: `undo/${host.id}.sh`,
    host: host.id,
    subject: host.id,
    title: `put ${host.id} back as it was before it was cleared`,
    when: 'undo',
    reason: 'The way back where a host was cleared and has not come back into the cluster.',
    // It stops the service itself, after it has made sure that the host has not come back: stopping
    // one of two voters would halt the cluster.
    steps: [step(guide, 'undo-clear', {})],
    omits: [],
    next: ['The service stays at 0: old data beside the recovered cluster are a second cluster.'],
  };
}

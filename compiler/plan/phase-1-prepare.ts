// Setting -> the turn of guide phase 1: everything stopped, fenced, and a verified snapshot.

import type { Step } from './ir.ts';
import { type Setting, slotsOf } from './setting.ts';
import { step } from './steps.ts';
import { type Draft, draft, of, probed } from './turn.ts';

/** One turn on the recovery host (guide 1.1 to 1.3; 1.3 first, as nothing can be saved before). */
export function prepare(setting: Setting): readonly Draft[] {
  return slotsOf(setting, 'prepare').map((slot) =>
    draft(
      slot,
      {
        title: `stop everything, fence, and get a snapshot on ${setting.chosen.id}`,
        reason: `${setting.chosen.id} is the recovery host: ${setting.recovery.because}.`,
      },
      [...swarm(setting), ...stopped(setting), ...snapshot(setting)],
    ),
  );
}

/** guide 1.3: without a Swarm leader nothing can be stopped. */
function swarm({ chosen, cluster, total }: Setting): readonly Step[] {
  const address = chosen.addresses[0];
  if (!total) {
    return [step('1.3', 'revive-swarm', { address }, { yields: [{ fact: 'swarm-leader' }] })];
  }
  if (cluster.stackFile === null) throw new Error('a total loss without a stack file');
  return [
    step('1.3', 'init-swarm', { address }, { yields: [{ fact: 'swarm-leader' }] }),
    step(
      '1.3',
      'deploy-stack',
      {
        stackFile: cluster.stackFile,
        stack: cluster.stack,
        services: cluster.hosts.map((host) => host.service),
      },
      { needs: [{ fact: 'swarm-leader' }] },
    ),
    step(
      '1.3',
      'place-service',
      { service: chosen.service, addresses: [] },
      { needs: [{ fact: 'swarm-leader' }], yields: [of('in-swarm', chosen)] },
    ),
  ];
}

/** guide 1.3: the services, this host's container, the other hosts, the proof. */
function stopped({ chosen, servers, others, quorum }: Setting): readonly Step[] {
  return [
    step(
      '1.3',
      'stop-services',
      { services: servers.map((host) => host.service) },
      { needs: [{ fact: 'swarm-leader' }], yields: [{ fact: 'services-stopped' }] },
    ),
    step(
      '1.3',
      'stop-container',
      { service: chosen.service },
      { needs: [{ fact: 'services-stopped' }], yields: [of('service-stopped', chosen)] },
    ),
    ...(others.length === 0
      ? []
      : [
          step(
            '1.3',
            'fence-hosts',
            { quorum: quorum.threshold, hosts: others.map(probed) },
            {
              needs: [{ fact: 'services-stopped' }],
              yields: others.map((host) => of('fenced', host)),
            },
          ),
        ]),
    step('1.3', 'prove-free', { before: 'restore' }, { needs: [of('service-stopped', chosen)] }),
  ];
}

/** guide 1.1 and 1.2. */
function snapshot({ chosen, others, recovery, total }: Setting): readonly Step[] {
  const { source, path, sha256 } = recovery.snapshot;
  const salvaged = !total && (source === 'freshest' || source === 'salvage');
  return [
    ...(salvaged
      ? [
          step(
            '1.1',
            'salvage-snapshot',
            {},
            {
              needs: [of('service-stopped', chosen), ...others.map((host) => of('fenced', host))],
            },
          ),
        ]
      : []),
    step(
      '1.1',
      'choose-snapshot',
      { source, path, sha256 },
      {
        needs: [of('service-stopped', chosen)],
        yields: [{ fact: 'snapshot-chosen' }],
        reason: choiceReason(source, path !== null, salvaged),
      },
    ),
    step(
      '1.2',
      'verify-snapshot',
      {},
      {
        needs: [{ fact: 'snapshot-chosen' }],
        yields: [{ fact: 'snapshot-verified' }],
      },
    ),
  ];
}

function choiceReason(source: string, file: boolean, salvaged: boolean): string {
  if (source === 'saved') return 'The inventory names a saved snapshot.';
  if (source === 'raw') {
    return 'The inventory names a raw copy of the database: it carries no hash of its own.';
  }
  if (!salvaged) return 'A new machine has no data to salvage: the file of the inventory is taken.';
  if (source === 'freshest' && file) {
    return 'Salvaged data and the saved file are both looked at: the larger revision wins.';
  }
  return 'The data salvaged from this host are the freshest there are.';
}

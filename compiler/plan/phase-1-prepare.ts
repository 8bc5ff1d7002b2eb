// Setting -> the turn of guide phase 1: everything stopped, fenced, and a verified snapshot.

import { ofCluster, ofHost } from '../steps/facts.ts';
import { type Setting, slotsOf } from './setting.ts';
import { type OpenStep, step, type TurnBody, turnBody } from './turn.ts';

/** One turn on the recovery host (guide 1.1 to 1.3; 1.3 first, as nothing can be saved before). */
export function prepare(setting: Setting): readonly TurnBody[] {
  return slotsOf(setting, 'prepare').map((slot) =>
    turnBody(
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
function swarm({ chosen, cluster, total }: Setting): readonly OpenStep[] {
  const [address] = chosen.addresses;
  if (!total) return [step('1.3', 'revive-swarm', { address })];
  const { stackFile, stack, hosts } = cluster;
  if (stackFile === null) throw new Error('a total loss without a stack file');
  const services = hosts.map((host) => host.service);
  return [
    step('1.3', 'init-swarm', { address }),
    step('1.3', 'deploy-stack', { stackFile, stack, services }),
    step('1.3', 'place-service', { service: chosen.service, addresses: [] }),
  ];
}

/** guide 1.3: the services, this host's container, the other hosts, the proof. */
function stopped({ chosen, servers, others, quorum }: Setting): readonly OpenStep[] {
  const services = servers.map((host) => host.service);
  const hosts = others.map((host) => host.id);
  return [
    step('1.3', 'stop-services', { before: 'recovery', services }),
    step(
      '1.3',
      'stop-container',
      { service: chosen.service },
      { needs: [ofCluster('services-stopped')] },
    ),
    ...(hosts.length === 0
      ? []
      : [step('1.3', 'fence-hosts', { quorum: quorum.threshold, hosts })]),
    step('1.3', 'prove-free', { before: 'restore' }),
  ];
}

/** guide 1.1 and 1.2. */
function snapshot({ others, recovery, total }: Setting): readonly OpenStep[] {
  const { source } = recovery.snapshot;
  const salvaged = !total && (source === 'freshest' || source === 'salvage');
  const fenced = { needs: others.map((host) => ofHost('fenced', host.id)) };
  return [
    ...(salvaged ? [step('1.1', 'salvage-snapshot', {}, fenced)] : []),
    step('1.1', 'choose-snapshot', { ...recovery.snapshot, salvaged }),
    step('1.2', 'verify-snapshot', {}),
  ];
}

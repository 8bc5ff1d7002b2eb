// Setting -> the turn of guide phase 8: restarts, and the proof that everything is back.

import type { Host } from '../hosts.ts';
import { type Fact, ofHost } from '../steps/facts.ts';
import { clientUrl } from './addresses.ts';
import { type Setting, slotsOf } from './setting.ts';
import { type OpenStep, step, type TurnBody, turnBody } from './turn.ts';

/** One turn on the recovery host (guide 8.1 to 8.4). */
export function verify(setting: Setting): readonly TurnBody[] {
  const servers = setting.servers.filter(isExpected);
  const clients = setting.clients.filter(isExpected);
  const ids = servers.map((host) => host.id);
  const steps = [
    ...restarts(setting, servers, clients),
    step(
      '8.2',
      'verify-hosts',
      { servers: ids, clients: clients.map((host) => host.id) },
      { needs: dealtWith(setting) },
    ),
    step('8.3', 'verify-databases', {}),
    step('8.4', 'verify-members', { endpoints: servers.map(clientUrl), servers: ids }),
    step('8.4', 'close-recovery', {}),
  ];
  const omits: TurnBody['omits'] =
    setting.recovery.restart === 'none'
      ? [{ guide: '8.1', because: 'the inventory asks for no restarts' }]
      : [];
  return slotsOf(setting, 'verify').map((slot) =>
    turnBody(
      slot,
      {
        title: 'restart what has to be, verify every host, and close the recovery',
        reason: 'Nothing counts as recovered that was not seen from every side.',
      },
      steps,
      omits,
    ),
  );
}

function isExpected(host: Host): boolean {
  return host.state !== 'gone';
}

/**
 * Every host is back, or its record was removed: nothing is closed over a host that may still return
 * with its old data. If the plan has no script that brings a host back, its record has to be gone.
 */
function dealtWith({ chosen, cluster }: Setting): readonly Fact[] {
  return cluster.hosts
    .filter((host) => host.id !== chosen.id)
    .map((host) => {
      if (!isExpected(host)) return ofHost('record-removed', host.id);
      return ofHost(host.mode === 'server' ? 'member-back' : 'client-back', host.id);
    });
}

/**
 * guide 8.1: clients, then servers, the recovery host last. That all declared hosts are back is
 * asked before the first step, as the verification needs it.
 */
function restarts(
  { chosen, recovery }: Setting,
  servers: readonly Host[],
  clients: readonly Host[],
): readonly OpenStep[] {
  const last = [...servers.filter((host) => host.id !== chosen.id), chosen];
  const placed = ({ id, service }: Host) => ({ target: id, service });
  switch (recovery.restart) {
    case 'rolling': {
      const hosts = last.map((host) => step('8.1', 'restart-host', placed(host)));
      return clients.length === 0
        ? hosts
        : [step('8.1', 'restart-clients', { clients: clients.map(placed) }), ...hosts];
    }
    case 'all-at-once':
      return [
        step('8.1', 'restart-all', {
          services: [...clients, ...last].map((host) => host.service),
        }),
      ];
    case 'none':
      return [];
  }
}

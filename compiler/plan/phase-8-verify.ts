// Setting -> the turn of guide phase 8: restarts, and the proof that everything is back.

import { etcdUrl } from './addresses.ts';
import type { Fact, Host, Step } from './ir.ts';
import { type Setting, slotsOf } from './setting.ts';
import { step } from './steps.ts';
import { type Draft, draft, of } from './turn.ts';

/** One turn on the recovery host (guide 8.1 to 8.4). */
export function verify(setting: Setting): readonly Draft[] {
  const servers = setting.servers.filter(isExpected);
  const clients = setting.clients.filter(isExpected);
  const back = declaredBack(setting, servers, clients);
  const endpoints = servers.map((host) => etcdUrl(host, host.ports.etcdClient));
  const ids = servers.map((host) => host.id);
  const steps: readonly Step[] = [
    ...restarts(setting, servers, clients),
    step(
      '8.2',
      'verify-hosts',
      { servers: ids, clients: clients.map((host) => host.id) },
      {
        needs: back,
        yields: [{ fact: 'hosts-verified' }],
      },
    ),
    step('8.3', 'verify-databases', {}, { needs: [{ fact: 'api-answers' }] }),
    step(
      '8.4',
      'verify-members',
      { endpoints, servers: ids },
      { needs: [{ fact: 'quorum-reached' }] },
    ),
    step(
      '8.4',
      'close-recovery',
      {},
      {
        needs: [{ fact: 'hosts-verified' }],
        yields: [{ fact: 'closed' }],
      },
    ),
  ];
  const omits: Draft['omits'] =
    setting.recovery.restart === 'none'
      ? [{ guide: '8.1', because: 'the inventory asks for no restarts' }]
      : [];
  return slotsOf(setting, 'verify').map((slot) =>
    draft(
      slot,
      {
        title: 'restart what has to be, and verify the whole cluster',
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

// A host of which nothing is declared may turn out to be gone: its absence is the verification's
// to judge, and must not keep it from running.
function declaredBack(
  { chosen }: Setting,
  servers: readonly Host[],
  clients: readonly Host[],
): readonly Fact[] {
  const declared = (host: Host) => host.state !== null && host.state !== 'lost';
  return [
    { fact: 'api-answers' },
    { fact: 'quorum-reached' },
    ...servers.filter((host) => host.id !== chosen.id && declared(host)).map(memberBack),
    ...clients.filter(declared).map((host) => of('client-back', host)),
  ];
}

function memberBack(host: Host): Fact {
  return of('member-back', host);
}

/**
 * guide 8.1: clients, then servers, the recovery host last. That all declared hosts are back is
 * asked before the first step, as the verification needs it.
 */
function restarts(
  { chosen, recovery }: Setting,
  servers: readonly Host[],
  clients: readonly Host[],
): readonly Step[] {
  const last = [...servers.filter((host) => host.id !== chosen.id), chosen];
  const placed = (host: Host) => ({ target: host.id, service: host.service });
  const needs: readonly Fact[] = [{ fact: 'quorum-reached' }];
  switch (recovery.restart) {
    case 'rolling': {
      const hosts = last.map((host) => step('8.1', 'restart-host', placed(host), { needs }));
      return clients.length === 0
        ? hosts
        : [step('8.1', 'restart-clients', { clients: clients.map(placed) }, { needs }), ...hosts];
    }
    case 'all-at-once': {
      const services = [...clients, ...last].map((host) => host.service);
      return [step('8.1', 'restart-all', { services }, { needs })];
    }
    case 'none':
      return [];
  }
}

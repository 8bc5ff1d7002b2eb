import { describe, expect, test } from 'vitest';
import type { HostState } from '../../../compiler/hosts.ts';
import { parse } from '../../../compiler/inventory/parse.ts';
import { withLost } from '../../../compiler/inventory/rules.ts';

type Fields = Readonly<Record<string, unknown>>;

/** The least a host needs, and what a case adds. */
function host(n: number, more: Fields = {}): Fields {
  return { id: `host-${n}`, addresses: [`10.0.0.${n}`], mode: 'server', ...more };
}

/** A legal cluster of these server hosts, by state. */
function servers(...states: readonly (HostState | null)[]): readonly Fields[] {
  return states.map((state, i) => host(i + 1, { state }));
}

/** The codes found in an inventory of these hosts, in order. */
function codes(hosts: readonly Fields[], more: Fields = {}, lost: readonly string[] = []) {
  const text = JSON.stringify({ cluster: 'lab', hosts, ...more });
  return parse(text, 'x', lost).diagnostics.map(({ code }) => code);
}

const three = servers(null, null, null);
const twoLost = servers('alive', 'lost', 'gone');
const total = servers('replaced', 'gone', 'gone');
const swarm = { stackFile: '/root/cp.yaml' };
const saved = { source: 'saved', path: '/var/backups/etcd.db' };

describe('addresses and ports', () => {
  const other = { api: 3100, etcdClient: 3101, etcdPeer: 3102 };
  test.each([
    ['IPv6 spelt in two ways', [host(1, { addresses: ['2001:db8::1', '2001:DB8:0:0::1'] })]],
    ['names differ in case only', [host(1, { addresses: ['a.example', 'A.example'] })]],
  ])('%s are one address', (_, hosts) => {
    expect(codes([...hosts, host(2), host(3)])).toEqual(['INV021']);
  });

  test('one port in common, in the same role, is a pasted address', () => {
    const second = host(2, { addresses: ['10.0.0.1'], ports: { ...other, api: 3000 } });
    expect(codes([host(1), second, host(3)])).toEqual(['INV021']);
  });

  test('three hosts on one machine: the second and third collide', () => {
    const on = (n: number, ports: Fields) =>
      host(n, { addresses: ['10.0.0.1'], ports, dataDirectory: `/data/host-${n}` });
    const third = { api: 3200, etcdClient: 3100, etcdPeer: 3202 };
    expect(codes([on(1, {}), on(2, other), on(3, third)])).toEqual(['INV023', 'INV022']);
  });

  test('all three ports equal: two collisions', () => {
    const ports = { api: 2379, etcdClient: 2379, etcdPeer: 2379 };
    expect(codes([host(1, { ports }), host(2), host(3)])).toEqual(['INV022', 'INV022']);
  });

  test('loopback is no matter for a single host', () => {
    expect(codes([host(1, { addresses: ['127.0.0.1'] })])).toEqual(['INV041']);
  });

  test('hosts of one machine may have one machine id', () => {
    const machineId = '4d2f6a1c9b8e4f0fa7c35b6d2e1f0a9b';
    const second = { addresses: ['10.0.0.1'], ports: other, dataDirectory: '/data/two', machineId };
    expect(codes([host(1, { machineId }), host(2, second), host(3)])).toEqual(['INV023']);
  });
});

describe('services', () => {
  test('a default name may collide with a given one', () => {
    expect(
      codes([host(1), host(2, { service: 'cp_host-1' }), host(3)], { swarm: { stack: 'cp' } }),
    ).toEqual(['INV026']);
  });
  test('a host pasted twice is one problem, not two', () => {
    expect(codes([host(1), host(2), host(2, { addresses: ['10.0.0.3'] })])).toEqual(['INV020']);
  });
});

describe('the recovery host', () => {
  test.each([
    ['alive', twoLost, 'host-1', []],
    ['lost', twoLost, 'host-2', ['INV032']],
    ['gone', twoLost, 'host-3', ['INV032']],
    ['returning', servers('alive', 'returning', 'lost'), 'host-2', ['INV032']],
    ['replaced while another is alive', servers('alive', 'replaced', 'lost'), 'host-2', ['INV032']],
    ['before an incident', three, 'host-3', []],
    ['unknown', three, 'host-9', ['INV030']],
    [
      'a client that is gone',
      [...twoLost, host(4, { mode: 'client', state: 'gone' })],
      'host-4',
      ['INV031', 'INV032'],
    ],
  ])('%s', (_, hosts, name, want) => {
    expect(codes(hosts, { recovery: { host: name } })).toEqual(want);
  });

  test('--lost counts like the inventory', () => {
    const recovery = { host: 'host-1' };
    expect(codes(three, { recovery }, ['host-1', 'host-2'])).toEqual(['INV032']);
    expect(codes(three, { recovery }, ['host-2', 'host-3'])).toEqual([]);
  });
});

describe('quorum', () => {
  const client = host(9, { mode: 'client' });
  test.each([
    ['3 servers, 1 lost', servers('lost', 'alive', 'alive'), ['INV034']],
    ['3 servers, 2 lost', twoLost, []],
    ['4 servers, 2 lost', servers('alive', 'alive', 'lost', 'lost'), []],
    ['4 servers, 1 lost', servers('alive', 'alive', 'alive', 'lost'), ['INV034']],
    ['5 servers, 2 lost', servers('alive', 'alive', 'alive', 'lost', 'gone'), ['INV034']],
    ['only a client lost', [...three, host(9, { mode: 'client', state: 'lost' })], ['INV034']],
    ['1 server, alive', [host(1, { state: 'alive' })], ['INV034', 'INV041']],
    ['no server', [client], ['INV033']],
    ['none to restore on', servers('returning', 'lost', 'gone'), ['INV035']],
  ])('%s', (_, hosts, want) => {
    expect(codes(hosts)).toEqual(want);
  });

  test('a client may be named by --lost', () => {
    expect(codes([...three, client], {}, ['host-2', 'host-3', 'host-9'])).toEqual([]);
  });

  test('a misspelt --lost does not decide', () => {
    expect(codes(three, {}, ['host-2', 'hots-3', 'hots-3'])).toEqual(['INV042']);
  });
});

describe('the snapshot', () => {
  const sha256 = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08';
  const inside = '/data/pgedge/control-plane/etcd';
  test.each([
    ['freshest of both', twoLost, { path: '/b/s.db', sha256 }, []],
    ['raw without path', twoLost, { source: 'raw' }, ['INV037']],
    ['salvage with path', twoLost, { source: 'salvage', path: '/b/s.db' }, ['INV038']],
    ['sum without path', twoLost, { sha256 }, ['INV038']],
    [
      'inside etcd, losses declared',
      twoLost,
      { source: 'raw', path: `${inside}/s.db` },
      ['INV040'],
    ],
    ['inside etcd, before', three, { source: 'saved', path: inside }, ['INV040']],
    ['next to etcd', three, { source: 'saved', path: `${inside}-saved.db` }, []],
    ['salvage of a new machine', total, { source: 'salvage' }, ['INV036']],
    ['freshest of a new machine, without path', total, {}, ['INV036']],
    ['freshest of a new machine, with path', total, { path: '/b/s.db' }, []],
    ['saved, on a new machine', total, saved, []],
  ])('%s', (_, hosts, snapshot, want) => {
    expect(codes(hosts, { swarm, recovery: { snapshot } })).toEqual(want);
  });

  test('a new machine needs the stack file', () => {
    expect(codes(total, { recovery: { snapshot: saved } })).toEqual(['INV039']);
    expect(codes(twoLost, { recovery: { snapshot: saved } })).toEqual([]);
  });
});

describe('withLost', () => {
  const hosts = (...states: readonly (HostState | null)[]) =>
    states.map((state, i) => ({ id: `host-${i + 1}`, state }));

  test.each([
    ['nothing declared stays so', [null, null], [], [null, null]],
    ['the rest is alive', [null, null], ['host-2'], ['alive', 'lost']],
    ['alive becomes lost', ['alive', null], ['host-1'], ['lost', 'alive']],
    [
      'what is known better stays',
      ['gone', 'replaced'],
      ['host-1', 'host-2'],
      ['gone', 'replaced'],
    ],
    ['unknown ids change nothing', [null, null], ['host-3'], [null, null]],
  ] as const)('%s', (_, states, lost, want) => {
    expect(withLost(hosts(...states), lost).map(({ state }) => state)).toEqual(want);
  });
});

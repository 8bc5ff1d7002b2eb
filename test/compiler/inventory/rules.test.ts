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

  test.each([
    ['127.0.0.1', 'INV028'],
    ['127.255.0.9', 'INV028'],
    ['::1', 'INV028'],
    ['0:0:0:0:0:0:0:1', 'INV028'],
    ['::ffff:127.0.0.1', 'INV028'],
    ['::FFFF:7f00:1', 'INV028'],
    ['LocalHost', 'INV028'],
    ['a.localhost', 'INV028'],
    ['localhost.localdomain', 'INV028'],
    ['0.0.0.0', 'INV050'],
    ['0.1.2.3', 'INV050'],
    ['::', 'INV050'],
    ['0::0', 'INV050'],
    ['::ffff:0:0', 'INV050'],
    ['169.254.1.1', 'INV050'],
    ['::ffff:169.254.1.1', 'INV050'],
    ['fe80::1', 'INV050'],
    ['FEBF::1', 'INV050'],
    ['224.0.0.1', 'INV050'],
    ['ff02::1', 'INV050'],
    ['255.255.255.255', 'INV050'],
    ['::ffff:ffff:ffff', 'INV050'],
    ['240.0.0.1', 'INV050'],
    ['::10.0.0.1', 'INV050'],
    ['::a00:1', 'INV050'],
  ])('%s is not the address of one machine: %s', (address, code) => {
    expect(codes([host(1, { addresses: [address] }), host(2), host(3)])).toEqual([code]);
  });

  test.each([
    ['10.0.0.2', '::ffff:10.0.0.2'],
    ['10.0.0.2', '::FFFF:0A00:2'],
    ['10.0.0.2', '0:0:0:0:0:ffff:10.0.0.2'],
    ['2001:db8::a', '2001:0DB8:0:0:0:0:0:A'],
    ['2001:db8::102:304', '2001:db8::1.2.3.4'],
    ['Host-2.example', 'hOST-2.EXAMPLE'],
  ])('%s and %s: a second spelling of the address of another host', (one, other) => {
    const hosts = [host(1), host(2, { addresses: [one] }), host(3, { addresses: [other] })];
    expect(codes(hosts)).toEqual(['INV021']);
  });

  test('the inventory, and so every script, has the one spelling', () => {
    const addresses = ['2001:0DB8::0:B', '::ffff:10.0.0.7', 'Host.Example'];
    const text = JSON.stringify({
      cluster: 'lab',
      hosts: [host(1, { addresses }), host(2), host(3)],
    });
    const parsed = parse(text, 'x');
    expect(parsed.ok && parsed.inventory.hosts[0]?.addresses).toEqual([
      ...['2001:db8::b', '10.0.0.7', 'host.example'],
    ]);
  });

  test('octal and hexadecimal: the message says how some programs read it', () => {
    const text = JSON.stringify({
      cluster: 'lab',
      hosts: [host(1, { addresses: ['010.0.0.1'] }), host(2), host(3)],
    });
    expect(parse(text, 'x').diagnostics[0]?.why).toMatch(/some programs read 8\.0\.0\.1/u);
  });

  test('service names are those of Swarm: upper and lower case are the same', () => {
    const [one, two] = [host(1, { service: 'cp_One' }), host(2, { service: 'CP_one' })];
    expect(codes([one, two, host(3)])).toEqual(['INV026']);
    expect(codes([host(1), host(2, { service: 'Control-Plane_HOST-1' }), host(3)])).toEqual([
      'INV026',
    ]);
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
    ['4 servers, 2 lost', servers('alive', 'alive', 'lost', 'lost'), ['INV054']],
    ['4 servers, 1 lost', servers('alive', 'alive', 'alive', 'lost'), ['INV034', 'INV054']],
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

describe('paths', () => {
  const other = { api: 3100, etcdClient: 3101, etcdPeer: 3102 };
  const at = (dataDirectory: string) => codes([host(1, { dataDirectory }), host(2), host(3)]);

  test.each([
    ...['/etc/ssl', '/usr/local', '/usr/lib', '/var/lib', '/var/lib/docker', '/var/log'],
    ...['/proc/self', '/sys/fs/cgroup', '/dev/shm/data', '/var/lib/systemd'],
  ])('%s is no data directory', (directory) => {
    expect(at(directory)).toEqual(['INV051']);
  });

  test.each(['/', '/etc', '/usr', '/var', '/home', '/root', '/tmp'])('nor %s', (directory) => {
    expect(at(directory)).toContain('INV010');
  });

  test.each(['/var/lib/pgedge', '/home/pgedge/data', '/opt/pgedge', '/srv/cp', '/var/lib/dockers'])(
    '%s is one',
    (directory) => {
      expect(at(directory)).toEqual([]);
    },
  );

  test.each([
    ['/data/cp', '/data/cp'],
    ['/data/cp', '/data/cp/two'],
    ['/data/cp/one', '/data/cp'],
    ['/data/a/b/c/d', '/data/a'],
  ])('%s and %s on one machine', (one, two) => {
    const hosts = [
      host(1, { dataDirectory: one }),
      host(2, { addresses: ['10.0.0.1'], ports: other, dataDirectory: two }),
      host(3),
    ];
    expect(codes(hosts).sort()).toEqual(['INV023', 'INV025']);
  });

  test('next to each other is fine, and so is the same on two machines', () => {
    const two = { addresses: ['10.0.0.1'], ports: other, dataDirectory: '/data/cpx' };
    expect(codes([host(1, { dataDirectory: '/data/cp' }), host(2, two), host(3)])).toEqual([
      'INV023',
    ]);
  });

  test.each(['/dev/sda', '/dev/stdin', '/proc/self/fd/0', '/sys/x'])('a snapshot at %s', (path) => {
    const recovery = { snapshot: { source: 'saved', path } };
    expect(codes(three, { recovery })).toEqual(['INV052']);
  });

  test.each<readonly [string, Fields]>([
    ['stack file', { swarm: { stackFile: '/data/pgedge/control-plane/etcd/s.yaml' } }],
    ['socket', { swarm: { dockerSocket: '/data/pgedge/control-plane/etcd/d.sock' } }],
    ['tools', { recovery: { tools: { directory: '/data/pgedge/control-plane/etcd/bin' } } }],
    [
      'snapshot',
      {
        recovery: {
          snapshot: { source: 'saved', path: '/data/pgedge/control-plane/certificates/x' },
        },
      },
    ],
    [
      'key',
      {
        api: {
          scheme: 'https',
          caCert: '/etc/ca',
          clientCert: '/etc/cert',
          clientKey: '/data/pgedge/control-plane/certificates/key',
        },
      },
    ],
  ])('%s in a directory that is set aside', (_, more) => {
    expect(codes(three, more)).toEqual(['INV053']);
  });

  const bytes = (count: number) => 'ä'.repeat(Math.floor(count / 2)) + 'x'.repeat(count % 2);
  test.each<readonly [string, string, number]>([
    ['a component of 255 bytes', `/data/${bytes(255)}`, 0],
    ['a component of 256 bytes', `/data/${bytes(256)}`, 1],
    ['1000 characters of 3 bytes', `/data${`/${'中'.repeat(50)}`.repeat(19)}`, 0],
    ['3600 bytes', `/data${`/${'𐍈'.repeat(60)}`.repeat(15)}`, 1],
  ])('%s', (_, directory, want) => {
    expect(at(directory)).toHaveLength(want);
  });

  test('a socket has at most 107 bytes', () => {
    const socket = (length: number) => ({ swarm: { dockerSocket: `/${'x'.repeat(length - 1)}` } });
    expect(codes(three, socket(107))).toEqual([]);
    expect(codes(three, socket(108))).toEqual(['INV010']);
  });

  test.each([
    ['\u00a0', 'a non-breaking space (U+00A0)'],
    ['\u3000', 'an ideographic space (U+3000)'],
    ['\u2003', 'a space that is not the one on the keyboard (U+2003)'],
    ['\u200b', 'a zero-width space (U+200B)'],
    ['\u3164', 'an invisible character (U+3164)'],
    ['\ufe0f', 'an invisible character (U+FE0F)'],
    ['\u034f', 'an invisible character (U+034F)'],
    ['\u2800', 'a braille blank (U+2800)'],
    ['\u202e', 'a text direction mark (U+202E)'],
  ])('%j in a path is named', (character, words) => {
    const directory = `/data/é${character}x`;
    const text = JSON.stringify({
      cluster: 'lab',
      hosts: [host(1, { dataDirectory: directory }), host(2), host(3)],
    });
    const [found, ...more] = parse(text, 'x').diagnostics;
    expect(more).toEqual([]);
    expect(found?.code).toBe('INV010');
    expect(found?.why).toContain(`It contains ${words}.`);
  });
});

test.each([
  [1, ['INV041']],
  [2, ['INV054']],
  [7, []],
  [8, ['INV054', 'INV055']],
  [9, ['INV055']],
])('%d servers: a note at most', (count, want) => {
  const text = JSON.stringify({ cluster: 'lab', hosts: servers(...Array(count).fill(null)) });
  const { ok, diagnostics } = parse(text, 'x');
  expect(ok).toBe(true);
  expect(diagnostics.map(({ code }) => code)).toEqual(want);
  for (const { severity } of diagnostics) expect(severity).toBe('note');
});

// Recorded answers of the API and stack files -> facts -> an inventory.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Facts } from '../../../compiler/init/facts.ts';
import { factsOfHosts } from '../../../compiler/init/hosts.ts';
import { inventoryFrom } from '../../../compiler/init/merge.ts';
import { factsOfStack } from '../../../compiler/init/stack.ts';
import { parse } from '../../../compiler/inventory/parse.ts';

interface Exchange {
  readonly path: string;
  readonly status?: number;
  readonly body: unknown;
}

/** The last list of hosts that a real Control Plane returned. */
function recorded(version: string): unknown {
  const file = new URL(`../../fixtures/recordings/${version}.json`, import.meta.url);
  const all: readonly Exchange[] = JSON.parse(readFileSync(file, 'utf8'));
  return all.filter(({ path, status }) => path === '/v1/hosts' && status === 200).at(-1)?.body;
}

function hosts(value: unknown, source = 'hosts.json'): Facts {
  const facts = factsOfHosts(value, source);
  if (typeof facts === 'string') throw new Error(facts);
  return facts;
}

function stack(text: string, source = 'stack.yaml'): Facts {
  const facts = factsOfStack(text, source);
  if ('authority' in facts) return facts;
  throw new Error(JSON.stringify(facts));
}

const given = { cluster: 'acme', writtenBy: 'plan init 0' };

/** The inventory of these facts, and its open questions as `field: how to answer`. */
function merged(...sources: readonly Facts[]) {
  const value = inventoryFrom(sources, given);
  const { diagnostics } = parse(JSON.stringify(value), 'i.json');
  const questions = diagnostics
    .filter(({ code }) => code === 'INV061')
    .map(({ what, remedy }) => `${what.replace(/ is not .*/u, '')}: ${remedy}`);
  return { value: JSON.parse(JSON.stringify(value)), questions, diagnostics };
}

describe('GET /v1/hosts', () => {
  test('before 0.7: an IPv4 address and no mode', () => {
    const { value, questions } = merged(hosts(recorded('0.6.2')));
    expect(value.hosts[0]).toMatchObject({
      id: 'host-1',
      addresses: ['10.78.0.1'],
      dataDirectory: '/data/cp',
      ports: { api: 3000, etcdClient: 2379, etcdPeer: 2380 },
    });
    expect(questions).toContain(
      'hosts[0].mode: Answer it: on host-1: ls -d /data/cp/etcd/member ("server" if it is there, "client" if it is not)',
    );
    expect(questions).toContain(
      'hosts[1].machineId: Answer it: on host-2: cat /etc/machine-id (or null: then only the addresses are checked)',
    );
    expect(questions.filter((each) => each.startsWith('swarm.stack'))).toEqual([
      expect.stringContaining('docker service ls'),
    ]);
  });

  test.each(['0.8.1', '0.9.0-databases', '0.10'])(
    'since 0.7 (%s): the mode is known',
    (version) => {
      const { value, questions } = merged(hosts(recorded(version)));
      for (const host of value.hosts) {
        expect(['server', 'client']).toContain(host.mode);
        expect(host.addresses[0]).toMatch(/^10\./u);
      }
      // What the API does not know: stack, scheme and machine ids.
      expect(questions).toHaveLength(2 + value.hosts.length);
    },
  );

  test('several addresses: those of peers first, each once; a state that is worth a remark', () => {
    const { value } = merged(
      hosts({
        hosts: [
          {
            id: 'b-10',
            data_dir: '/d/e',
            etcd_mode: 'client',
            peer_addresses: ['10.0.0.1', 'b.example'],
            client_addresses: ['192.0.2.1', '10.0.0.1'],
            status: { state: 'unreachable' },
          },
          { id: 'b-9', data_dir: '/d/e', etcd_mode: 'server', peer_addresses: ['10.0.0.2'] },
        ],
      }),
    );
    expect(value.hosts.map(({ id }: { id: string }) => id)).toEqual(['b-9', 'b-10']);
    expect(value.hosts[1]).toMatchObject({
      addresses: ['10.0.0.1', 'b.example', '192.0.2.1'],
      notes: 'It was unreachable when this was written.',
    });
  });

  test('a list alone, as old versions answered; an unknown mode is a question', () => {
    const { questions } = merged(hosts([{ id: 'h', data_dir: '/d/e', etcd_mode: 'observer' }]));
    expect(questions.join('\n')).toMatch(/hosts\[0\]\.addresses\[0\]: .*on h: hostname -I/u);
    expect(questions.join('\n')).toMatch(/hosts\[0\]\.mode: .*ls -d/u);
  });

  test.each<readonly [string, unknown, RegExp]>([
    ['an error', { name: 'server_error', message: 'x' }, /not the list of hosts/u],
    ['no host', { hosts: [] }, /not the list of hosts/u],
    ['something else', { hosts: 'x' }, /not the list of hosts/u],
    ['null', null, /not the list of hosts/u],
    ['systemd', { hosts: [{ id: 'h', orchestrator: 'systemd' }] }, /h runs under systemd/u],
  ])('refused: %s', (_, value, want) => {
    expect(factsOfHosts(value, 'f')).toMatch(want);
  });
});

/** A stack file as the product's documentation shows it, with these lines in its environment. */
function stackText(...environment: readonly string[]): string {
  return `services:
  host-1:
    image: ghcr.io/pgedge/control-plane:v0.9.0
    command: run
    environment:
      - PGEDGE_HOST_ID=host-1
      - PGEDGE_DATA_DIR=/data/cp
${environment.map((line) => `      - ${line}\n`).join('')}    volumes:
      - /srv/cp:/data/cp
      - /run/docker.sock:/var/run/docker.sock
      - /opt/tls:/tls:ro
    networks:
      - host
    deploy:
      placement:
        constraints:
          - node.id==vzou89zyd4n3xz6p6jvoohqxx
  web:
    image: nginx
networks:
  host:
    name: host
    external: true
`;
}

describe('a stack file', () => {
  test('everything that it says', () => {
    const { value, questions } = merged(
      stack(
        stackText(
          'PGEDGE_PEER_ADDRESSES=10.0.0.1, h.example',
          'PGEDGE_CLIENT_ADDRESSES=192.0.2.1',
          'PGEDGE_HTTP__PORT=3100',
          'PGEDGE_ETCD_SERVER__CLIENT_PORT=12379',
          'PGEDGE_ETCD_SERVER__PEER_PORT=12380',
          'PGEDGE_ETCD_MODE=client',
          'PGEDGE_HTTP__CA_CERT=/tls/ca.crt',
          'PGEDGE_HTTP__CLIENT_CERT=/tls/client.crt',
          'PGEDGE_HTTP__CLIENT_KEY=/tls/client.key',
        ),
      ),
    );
    expect(value).toMatchObject({
      swarm: { dockerSocket: '/run/docker.sock' },
      api: {
        scheme: 'https',
        caCert: '/opt/tls/ca.crt',
        clientCert: '/opt/tls/client.crt',
        clientKey: '/opt/tls/client.key',
      },
      hosts: [
        {
          id: 'host-1',
          addresses: ['10.0.0.1', 'h.example', '192.0.2.1'],
          mode: 'client',
          dataDirectory: '/srv/cp',
          ports: { api: 3100, etcdClient: 12379, etcdPeer: 12380 },
        },
      ],
    });
    expect(questions.map((each) => each.split(':')[0])).toEqual([
      'swarm.stack',
      'hosts[0].machineId',
    ]);
  });

  test('what it leaves out has the default of the product, but the address', () => {
    const { value, questions } = merged(stack(stackText()));
    expect(value.api).toEqual({ scheme: 'http' });
    expect(value.hosts[0]).toMatchObject({
      mode: 'server',
      ports: { api: 3000, etcdClient: 2379, etcdPeer: 2380 },
    });
    expect(questions.join('\n')).toContain(
      "addresses[0]: Answer it: on a Swarm manager: docker node inspect --format '{{.Status.Addr}}' vzou89zyd4n3xz6p6jvoohqxx",
    );
  });

  test.each([
    // biome-ignore lint/suspicious/noTemplateCurlyInString: as in a stack file
    'PGEDGE_ETCD_MODE=${MODE}',
    'PGEDGE_ETCD_MODE=$MODE',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: as in a stack file
    'PGEDGE_ETCD_MODE=${MODE:-server}',
    'PGEDGE_ETCD_MODE',
    'PGEDGE_ETCD_MODE=observer',
  ])('%s is filled in elsewhere: a question', (line) => {
    const { questions } = merged(stack(stackText(line)));
    expect(questions).toContain(
      'hosts[0].mode: Answer it: on a Swarm manager: docker service inspect STACK_host-1 (PGEDGE_ETCD_MODE in Env)',
    );
  });

  test('settings from another file: no default is taken for granted', () => {
    const text = stackText().replace('command: run', 'command: run --config-path /etc/cp.json');
    const { value, questions } = merged(stack(text));
    expect(questions.join('\n')).toContain('hosts[0].mode: ');
    expect(questions.join('\n')).toContain('api.scheme: ');
    expect(value.notes).toContain('are the defaults');
  });

  test('mappings, merge keys, long volumes and a service with another name', () => {
    const { value, questions } = merged(
      stack(`name: pgedge
x-env: &env
  PGEDGE_DATA_DIR: /data/cp
  PGEDGE_IPV4_ADDRESS: 10.0.0.7
services:
  'cp one':
    environment:
      <<: *env
      PGEDGE_HOST_ID: h-7
      PGEDGE_HTTP__PORT: 3001
    volumes:
      - type: bind
        source: /data
        target: /data
`),
    );
    expect(value.swarm).toEqual({ stack: 'pgedge' });
    expect(value.hosts[0]).toMatchObject({
      id: 'h-7',
      addresses: ['10.0.0.7'],
      dataDirectory: '/data/cp',
      ports: { api: 3001 },
    });
    expect(questions).toContain(
      'hosts[0].service: Answer it: on a Swarm manager: docker service ls (the one that ends in _cp one)',
    );
  });

  test.each<readonly [string, string, RegExp, number | null]>([
    ['broken', 'services:\n  a: [1\n', /^not YAML: /u, 3],
    ['a key twice', 'services: 1\nservices: 2\n', /^not YAML: /u, 2],
    [
      'no service',
      'services:\n  web: {image: nginx}\n',
      /no service of it is a Control Plane/u,
      null,
    ],
    ['not a mapping', '- 1\n', /no service of it is a Control Plane/u, null],
    ['empty', '', /no service of it is a Control Plane/u, null],
    [
      'aliases without end',
      `a: &a [1,1,1,1,1,1,1,1,1,1]\n${'bcdefgh'
        .split('')
        .map((name, i) => {
          const below = 'abcdefg'.charAt(i);
          return `${name}: &${name} [${Array.from({ length: 10 }, () => `*${below}`).join(',')}]\n`;
        })
        .join('')}`,
      /^not YAML: Excessive alias count/u,
      null,
    ],
  ])('refused: %s', (_, text, want, line) => {
    const problems = factsOfStack(text, 'f');
    if ('authority' in problems) throw new Error('it was accepted');
    expect(problems[0]?.what).toMatch(want);
    expect(problems[0]?.position?.line ?? null).toBe(line);
  });
});

describe('several sources', () => {
  const both = () =>
    [
      hosts({ hosts: [{ id: 'host-1', data_dir: '/srv/cp', ipv4_address: '10.0.0.1' }] }),
      stack(stackText()),
    ] as const;

  test('each adds what the other does not know', () => {
    const { value, questions } = merged(...both());
    expect(value.hosts[0]).toMatchObject({ addresses: ['10.0.0.1'], mode: 'server' });
    expect(value.api).toEqual({ scheme: 'http' });
    expect(value.notes).not.toContain('default');
    expect(questions.map((each) => each.split(':')[0])).toEqual([
      'swarm.stack',
      'hosts[0].machineId',
    ]);
  });

  test('if they disagree, a question names both', () => {
    const [api] = both();
    const { questions } = merged(api, stack(stackText().replace('/srv/cp', '/mnt/cp')));
    expect(questions).toContain(
      'hosts[0].dataDirectory: Answer it: hosts.json says "/srv/cp", stack.yaml says "/mnt/cp": which is right?',
    );
  });

  test('a service that has not joined is no host of the cluster', () => {
    const other = stackText().replaceAll('host-1', 'host-2');
    const { value } = merged(both()[0], stack(other));
    expect(value.hosts).toHaveLength(1);
    expect(value.notes).toContain('Not in the cluster: host-2 of stack.yaml.');
  });

  test('the id of the cluster is its name if a person chose it', () => {
    const [api] = both();
    const name = (clusterId: string) =>
      inventoryFrom([{ ...api, clusterId }], { ...given, cluster: null }).cluster;
    expect(name('production-eu')).toBe('production-eu');
    expect(name('ab33b3e4-ccbc-40ff-8996-261d7b4ae19a')).toMatch(/^\?\? choose a name/u);
    expect(name('Production EU')).toMatch(/^\?\? choose a name/u);
  });
});

test('names from a cluster cannot become commands', () => {
  const evil = '$(reboot)\u001b[2J';
  const { value } = merged(
    hosts({ hosts: [{ id: evil, data_dir: '/a;reboot', cohort: { member_id: '`x`' } }] }),
  );
  const [host] = value.hosts;
  expect(host.mode).toContain("ls -d '/a;reboot/etcd/member'");
  expect(host.addresses[0]).toContain("'`x`'");
});

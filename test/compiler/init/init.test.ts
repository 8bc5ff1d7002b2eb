// `plan init` as people run it: against servers on this machine, and files.

import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { factsOfApi } from '../../../compiler/init/api.ts';
import { parse } from '../../../compiler/inventory/parse.ts';
import { inventorySchema } from '../../../compiler/inventory/schema.ts';
import { type Built, built } from '../built.ts';

vi.setConfig({ testTimeout: 120_000 });

let place = '';
let cli = '';
let plan: Built['plan'];
const servers: { close: () => unknown }[] = [];

beforeAll(() => {
  ({ place, cli, plan } = built());
  certificates(place);
}, 120_000);
afterAll(() => rmSync(place, { recursive: true }));
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** A CA, a certificate of the server for 127.0.0.1 and one of the client. */
function certificates(folder: string): void {
  const run = (...args: readonly string[]) => {
    const ran = spawnSync('openssl', args, { cwd: folder, encoding: 'utf8' });
    if (ran.status !== 0) throw new Error(ran.stderr);
  };
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  run(
    'req',
    '-x509',
    ...key,
    '-keyout',
    'ca.key',
    '-out',
    'ca.crt',
    '-subj',
    '/CN=ca',
    '-days',
    '2',
  );
  for (const name of ['server', 'client']) {
    run('req', ...key, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
    writeFileSync(join(folder, `${name}.ext`), 'subjectAltName=IP:127.0.0.1\n');
    const signed = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2'];
    run(
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      '-out',
      `${name}.crt`,
      ...signed,
      '-extfile',
      `${name}.ext`,
    );
  }
}

const listed = {
  hosts: [1, 2, 3].map((n) => ({
    id: `host-${n}`,
    orchestrator: 'swarm',
    data_dir: '/data/cp',
    cohort: { type: 'swarm', member_id: `node${n}` },
    peer_addresses: [`10.0.0.${n}`],
    client_addresses: [`10.0.0.${n}`],
    status: { state: n === 3 ? 'unreachable' : 'healthy' },
    etcd_mode: 'server',
  })),
};

/** An API that remembers how it was asked. */
function api(
  asked: string[],
  answers: Readonly<Record<string, readonly [number, unknown]>>,
): RequestListener {
  return (request, response) => {
    asked.push(`${request.method} ${request.url}`);
    const [status, body] = answers[request.url ?? ''] ?? [404, { message: '404 page not found' }];
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  };
}

const usual = {
  '/v1/hosts': [200, listed],
  '/v1/cluster': [200, { id: 'lab', status: { state: 'available' }, hosts: listed.hosts }],
  '/v1/version': [200, { version: 'v0.9.0' }],
} as const;

async function listening(server: Server): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

/** The program next to a server of this process. */
function running(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  return new Promise<{ status: number | null; stdout: string; stderr: string }>((resolve) => {
    const child = spawn(process.execPath, [cli, ...args], {
      cwd: place,
      env: { PATH: process.env.PATH ?? '', ...env },
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    child.on('close', (status) => resolve({ status, stdout, stderr }));
  });
}

const read = (file: string): string => readFileSync(join(place, file), 'utf8');

/** The text with an answer for each question, as a person would give it. */
function answered(text: string): string {
  const ids = ['a', 'b', 'c'].map((digit) => digit.repeat(32));
  return text
    .replace(/"stack": "\?\?.*"/u, '"stack": "control-plane"')
    .replace(/"\?\? on host-(\d): cat \/etc\/machine-id.*"/gu, (_, n) => `"${ids[Number(n) - 1]}"`);
}

describe('from an API', () => {
  test('an inventory with questions; answered, it is the one that a person would write', async () => {
    const asked: string[] = [];
    const port = await listening(createServer(api(asked, usual)));
    const folder = join(place, 'from api');
    mkdirSync(folder);
    // A proxy of the environment must not be asked.
    const env = { http_proxy: 'http://127.0.0.1:1', HTTP_PROXY: 'http://127.0.0.1:1' };
    const ran = await running(
      ['init', '--from', `http://127.0.0.1:${port}`, '--out', 'from api/inventory.json'],
      env,
    );
    expect(ran).toMatchObject({ status: 0, stderr: '' });
    expect(asked.sort()).toEqual(['GET /v1/cluster', 'GET /v1/hosts', 'GET /v1/version']);
    expect(ran.stdout).toMatch(
      /^from api\/inventory\.json: written, 3 hosts, 4 open questions\nfrom api\/inventory\.schema\.json: written, for editors\n/u,
    );
    expect(ran.stdout).toMatch(
      /\n {2}from api\/inventory\.json:6:14: swarm\.stack: on a Swarm manager: docker service ls/u,
    );
    expect(ran.stdout).toMatch(
      /Answer the questions, then: plan compile 'from api\/inventory\.json'\n$/u,
    );
    expect(JSON.parse(read('from api/inventory.schema.json'))).toEqual(
      JSON.parse(JSON.stringify(inventorySchema())),
    );

    const compiled = plan(['compile', 'from api/inventory.json', '--no-lint']);
    expect(compiled.status).toBe(1);
    expect(compiled.stderr).toMatch(
      /inventory\.json:\d+:20: error\[INV061\]: hosts\[1\]\.machineId is not answered yet\n(.*\n){3} {2}do: {2}Answer it: on host-2: cat \/etc\/machine-id/u,
    );

    const text = answered(read('from api/inventory.json'));
    const { notes } = JSON.parse(text);
    expect(notes).toContain(`from http://127.0.0.1:${port} (Control Plane v0.9.0)`);
    const byHand = {
      cluster: 'lab',
      notes,
      swarm: { stack: 'control-plane' },
      hosts: ['a', 'b', 'c'].map((digit, index) => ({
        id: `host-${index + 1}`,
        addresses: [`10.0.0.${index + 1}`],
        mode: 'server',
        dataDirectory: '/data/cp',
        ports: { api: port },
        machineId: digit.repeat(32),
        ...(index === 2 ? { notes: 'It was unreachable when this was written.' } : {}),
      })),
    };
    const [own, hand] = [parse(text, 'i'), parse(JSON.stringify(byHand), 'i')];
    if (!own.ok || !hand.ok) throw new Error(JSON.stringify([own, hand]));
    expect(own.diagnostics).toEqual([]);
    expect(own.inventory).toEqual(hand.inventory);
  });

  test('with certificates; without them, and over plain HTTP, it says what is missing', async () => {
    const tls = { key: read('server.key'), cert: read('server.crt'), ca: read('ca.crt') };
    const options = { ...tls, requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.3' };
    const port = await listening(
      createSecureServer({ ...options, minVersion: 'TLSv1.3' }, api([], usual)),
    );
    const from = ['init', '--from', `https://127.0.0.1:${port}`];
    const client = ['--cert', 'client.crt', '--key', 'client.key'];
    const ran = await running([...from, '--cacert', 'ca.crt', ...client, '--out', 'tls.json']);
    expect(ran).toMatchObject({ status: 0, stderr: '' });
    const { api: reached } = JSON.parse(read('tls.json'));
    expect(reached.scheme).toBe('https');
    expect(reached.clientKey).toMatch(/^\?\? the path of the key .*docker service inspect/u);

    const bare = await running([...from, '--cacert', 'ca.crt', '--out', 'no.json']);
    expect(bare.status).toBe(2);
    expect(bare.stderr).toMatch(
      /INIT001.*\n.*only clients that have a certificate.*\n.*--cert FILE --key FILE/u,
    );
    const untrusted = await running([...from, ...client, '--out', 'no.json']);
    expect(untrusted.stderr).toMatch(/INIT001.*\n.*can be trusted.*\n.*--cacert FILE/u);
    const plain = await listening(createServer(api([], usual)));
    const wrong = await running([
      'init',
      '--from',
      `https://127.0.0.1:${plain}`,
      '--out',
      'no.json',
    ]);
    expect(wrong.stderr).toMatch(/INIT001.*\n.*\n.*use http:\/\/ instead of https:\/\//u);
    expect(wrong.stderr).not.toContain('openssl/');
  });

  test.each<readonly [string, readonly [number, unknown], RegExp]>([
    [
      'has not joined',
      [409, { name: 'cluster_not_initialized', message: 'this operation is invalid' }],
      /status 409: this operation is invalid.*\n.*has not joined.*\n.*Ask a host that has joined/u,
    ],
    ['fails', [500, { name: 'server_error', message: 'boom' }], /status 500: boom/u],
    ['is something else', [200, '<html>'], /it is not JSON/u],
    ['answers something else', [200, { ok: true }], /not the list of hosts/u],
    ['sends elsewhere', [302, ''], /status 302/u],
  ])('a host that %s', async (_, answer, want) => {
    const port = await listening(createServer(api([], { '/v1/hosts': answer })));
    const ran = await running(['init', '--from', `http://127.0.0.1:${port}`, '--out', 'no.json']);
    expect(ran).toMatchObject({ status: 2, stdout: '' });
    expect(ran.stderr).toMatch(want);
  });

  test('nobody there', () => {
    const ran = plan(['init', '--from', 'http://127.0.0.1:1', '--out', 'no.json']);
    expect(ran.status).toBe(2);
    expect(ran.stderr).toMatch(
      /INIT001\]: http:\/\/127\.0\.0\.1:1 cannot be reached: .*ECONNREFUSED/u,
    );
    expect(ran.stderr).toContain('--from-hosts');
  });

  test('a connection without an answer, as without a quorum: a limit', async () => {
    const server = createTcpServer(() => {});
    const port = await listening(server as Server);
    const url = new URL(`http://127.0.0.1:${port}`);
    const began = performance.now();
    const problem = await factsOfApi({ url, certificates: {}, limit: 500 });
    expect(performance.now() - began).toBeLessThan(20_000);
    expect(problem).toMatchObject({
      what: `${url.href}v1/hosts gave no answer in 0.5 s, although it accepted the connection`,
      why: 'An API without a quorum behaves like this.',
    });
  });

  test('an answer without end: a limit', async () => {
    const port = await listening(
      createServer((_, response) => {
        const more = () => {
          while (!response.destroyed && response.write('x'.repeat(1 << 20)));
        };
        response.on('drain', more);
        more();
      }),
    );
    const url = new URL(`http://127.0.0.1:${port}`);
    const problem = await factsOfApi({ url, certificates: {}, limit: 60_000 });
    expect(problem).toMatchObject({ what: expect.stringContaining('more than 16 MiB') });
  });

  test('only the hosts: without the other answers there is a question more', async () => {
    const port = await listening(createServer(api([], { '/v1/hosts': [200, listed] })));
    const ran = await running(['init', '--from', `http://127.0.0.1:${port}`, '--out', 'only.json']);
    expect(ran.status).toBe(0);
    expect(JSON.parse(read('only.json')).cluster).toMatch(/^\?\? choose a name/u);
  });
});

describe('from files', () => {
  test('an answer and a stack file together', () => {
    writeFileSync(join(place, 'hosts.json'), `\ufeff${JSON.stringify(listed)}`);
    const services = [1, 2, 3].map(
      (n) =>
        `  host-${n}:\n    environment: {PGEDGE_HOST_ID: host-${n}, PGEDGE_DATA_DIR: /data/cp}\n    volumes: ['/data/cp:/data/cp']\n`,
    );
    writeFileSync(join(place, 'stack.yaml'), `services:\n${services.join('')}`);
    const args = [
      'init',
      '--from-hosts',
      'hosts.json',
      '--from-stack',
      'stack.yaml',
      '--cluster',
      'acme',
    ];
    const ran = plan([...args, '--out', 'both.json', '--json']);
    expect(ran.status).toBe(0);
    const { result } = JSON.parse(ran.stdout);
    expect(result).toMatchObject({ file: 'both.json', hosts: 3 });
    expect(result.questions).toHaveLength(4);
    const parsed = parse(answered(read('both.json')), 'both.json');
    expect(parsed.diagnostics).toEqual([]);
  });

  test('a source that is wrong: its place, and nothing is written', () => {
    writeFileSync(join(place, 'broken.yaml'), 'services:\n  a: [1\n');
    const ran = plan([
      'init',
      '--from-stack',
      'broken.yaml',
      '--from-hosts',
      'broken.yaml',
      '--out',
      'no.json',
    ]);
    expect(ran.status).toBe(1);
    expect(ran.stderr).toMatch(/broken\.yaml: error\[INIT002\]: not JSON/u);
    expect(ran.stderr).toMatch(/broken\.yaml:3:1: error\[INIT003\]: not YAML/u);
    expect(() => read('no.json')).toThrow();
    expect(plan(['init', '--from-stack', 'nowhere.yaml', '--out', 'no.json']).status).toBe(2);
  });

  test('what is wrong in the cluster itself is reported, and the inventory written', () => {
    const same = listed.hosts.map((host) => ({
      ...host,
      peer_addresses: ['10.0.0.1'],
      client_addresses: [],
    }));
    writeFileSync(join(place, 'same.json'), JSON.stringify({ hosts: same }));
    const ran = plan(['init', '--from-hosts', 'same.json', '--out', 'odd.json']);
    expect(ran.status).toBe(1);
    expect(ran.stderr).toContain('error[INV021]');
    expect(ran.stdout).toContain('odd.json: written');
  });
});

describe('nothing is overwritten', () => {
  test('a file, a link to nothing, and a schema that is there', () => {
    writeFileSync(join(place, 'hosts.json'), JSON.stringify(listed));
    const args = ['init', '--from-hosts', 'hosts.json', '--out'];
    mkdirSync(join(place, 'kept'));
    writeFileSync(join(place, 'kept/inventory.json'), 'mine');
    const ran = plan([...args, 'kept/inventory.json']);
    expect(ran.status).toBe(2);
    expect(ran.stderr).toContain('error[INIT004]: kept/inventory.json is already there');
    expect(read('kept/inventory.json')).toBe('mine');
    symlinkSync('elsewhere', join(place, 'kept/link.json'));
    expect(plan([...args, 'kept/link.json']).stderr).toContain('INIT004');
    writeFileSync(join(place, 'kept/inventory.schema.json'), 'mine too');
    expect(plan([...args, 'kept/new.json']).status).toBe(0);
    expect(read('kept/inventory.schema.json')).toBe('mine too');
  });

  test('a place that cannot be written', () => {
    const ran = plan(['init', '--from-hosts', 'hosts.json', '--out', 'no such folder/i.json']);
    expect(ran.status).toBe(2);
    expect(ran.stderr).toContain('error[INIT005]');
  });
});

describe('usage', () => {
  test.each<readonly [string, readonly string[], RegExp]>([
    ['no source', [], /at least one of/u],
    ['no scheme', ['--from', 'host-1:3000'], /such as http:\/\/host-1:3000/u],
    ['no address', ['--from', 'host 1'], /such as http:\/\/host-1:3000/u],
    [
      'a path',
      ['--from', 'http://h:3000/v1/databases'],
      /takes the address alone, such as http:\/\/h:3000/u,
    ],
    ['a password', ['--from', 'http://a:b@h:3000'], /takes the address alone/u],
    ['certificates over http', ['--from', 'http://h', '--cacert', 'ca.crt'], /begins with https/u],
    ['half a pair', ['--from', 'https://h', '--cert', 'client.crt'], /belong together/u],
    ['no such certificate', ['--from', 'https://h', '--cacert', 'nowhere'], /cannot be read/u],
    ['no certificate', ['--from', 'https://h', '--cacert', 'package.json'], /is not in PEM/u],
    ['a bad name', ['--from', 'http://h', '--cluster', 'A b'], /lower-case letters/u],
  ])('%s', (_, args, want) => {
    const ran = plan(['init', ...args, '--out', 'no.json']);
    expect(ran).toMatchObject({ status: 2, stdout: '' });
    expect(ran.stderr).toMatch(want);
  });
});

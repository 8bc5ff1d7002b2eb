// Turns a story into running stand-ins: three hosts on one machine, distinguished by their ports.

import { type ChildProcess, spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer, request, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { $ } from 'zx';
import type { Answer } from './fidelity-compare.ts';

/** Three stand-ins of one generation; a Docker engine is acted by a socket that knows two answers. */
export type Hosts = {
  readonly binary: string;
  readonly tools: string;
  readonly generation: '0.6' | '0.9';
  readonly directory: string;
  readonly firstPort: number;
  readonly environment: Readonly<Record<string, string>>;
  readonly docker: Server;
  readonly running: Map<string, ChildProcess>;
};

/** How long the recording's client waited for an answer. */
const patience = 10_000;

/** Makes the world of one story; nothing runs in it yet. */
export async function makeHosts(
  options: Pick<Hosts, 'binary' | 'tools' | 'generation' | 'firstPort' | 'environment'>,
): Promise<Hosts> {
  const directory = await mkdtemp(join(tmpdir(), 'fidelity-'));
  const docker = createServer((asked, answer) => {
    answer.setHeader('content-type', 'application/json');
    answer.end(JSON.stringify(asked.url?.endsWith('/info') ? engine : bridge));
  });
  await new Promise<void>((ready) => docker.listen(join(directory, 'docker.sock'), ready));
  return { ...options, directory, docker, running: new Map() };
}

const engine = {
  Containers: 1,
  ContainersRunning: 1,
  ContainersPaused: 0,
  ContainersStopped: 0,
  NCPU: 2,
  MemTotal: 25_164_230_656,
  Swarm: {
    NodeID: 'o1hak7k2we27b5m1ns1m7ziu5',
    LocalNodeState: 'active',
    ControlAvailable: true,
    Error: '',
  },
};
const bridge = { IPAM: { Config: [{ Subnet: '172.17.0.0/16', Gateway: '172.17.0.1' }] } };

/** Ends every process of the story and removes its files. */
export async function removeHosts(hosts: Hosts): Promise<void> {
  for (const host of [...hosts.running.keys()]) await kill(hosts, host);
  hosts.docker.close();
  await rm(hosts.directory, { recursive: true, force: true });
}

const numberOf = (host: string): number => Number(host.split('-')[1]);
const ports = (hosts: Hosts, host: string) => {
  const api = hosts.firstPort + numberOf(host) * 10;
  return { api, client: api + 1, peer: api + 2 };
};
const dataOf = (hosts: Hosts, host: string): string => join(hosts.directory, host);

/** Starts a host's stand-in, with more environment if asked; it may not listen yet. */
export async function start(
  hosts: Hosts,
  host: string,
  more: Readonly<Record<string, string>> = {},
): Promise<void> {
  const port = ports(hosts, host);
  await mkdir(dataOf(hosts, host), { recursive: true });
  const log = openSync(`${dataOf(hosts, host)}.log`, 'a');
  const child = spawn(hosts.binary, ['run'], {
    stdio: ['ignore', log, log],
    env: {
      DOCKER_HOST: `unix://${join(hosts.directory, 'docker.sock')}`,
      PLAN_LAB_GENERATION: hosts.generation,
      PGEDGE_HOST_ID: host,
      PGEDGE_DATA_DIR: dataOf(hosts, host),
      PGEDGE_PEER_ADDRESSES: '127.0.0.1',
      PGEDGE_IPV4_ADDRESS: '127.0.0.1',
      // A machine's own name may be too short for the older generation, which wants three letters.
      PGEDGE_HOSTNAME: host,
      PGEDGE_HTTP__PORT: String(port.api),
      PGEDGE_ETCD_SERVER__CLIENT_PORT: String(port.client),
      PGEDGE_ETCD_SERVER__PEER_PORT: String(port.peer),
      ...hosts.environment,
      ...more,
    },
  });
  hosts.running.set(host, child);
}

/** Kills a host's process as a power cut would, and waits until it is gone. */
export async function kill(hosts: Hosts, host: string): Promise<void> {
  const child = hosts.running.get(host);
  hosts.running.delete(host);
  if (child === undefined || child.exitCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}

/** Waits until a host's API accepts connections; throws with the end of its log after 60 s. */
export async function listening(hosts: Hosts, host: string): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (Date.now() < deadline) {
    if ((await ask(hosts, host, 'GET', '/v1/version')).status === 200) return;
    await sleep(50);
  }
  const log = await readFile(`${dataOf(hosts, host)}.log`, 'utf8');
  throw new Error(`${host} does not listen:\n${log.slice(-2000)}`);
}

/** One request with the recording's patience. */
export function ask(
  hosts: Hosts,
  host: string,
  method: string,
  path: string,
  body?: string,
): Promise<Answer> {
  return new Promise((resolve) => {
    const failed = (error: string) => resolve({ headers: {}, text: '', error });
    const asked = request({
      host: '127.0.0.1',
      port: ports(hosts, host).api,
      method,
      path,
      agent: false,
      // A join takes longer, and is always answered.
      signal: AbortSignal.timeout(path === '/v1/cluster/join' ? 120_000 : patience),
      headers: body === undefined ? {} : { 'content-type': 'application/json' },
    });
    asked.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED') failed('refused');
      else failed(error.name === 'AbortError' ? 'timeout' : error.message);
    });
    asked.on('response', (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (part: string) => {
        text += part;
      });
      answer.on('error', (error) => failed(error.message));
      answer.on('end', () => {
        const headers = Object.fromEntries(
          Object.entries(answer.headers).map(([name, value]) => [name, String(value)]),
        );
        resolve({ status: answer.statusCode ?? 0, headers, text });
      });
    });
    asked.end(body);
  });
}

/** Saves a snapshot of the running cluster with host-1's own credentials. */
export async function saveSnapshot(hosts: Hosts): Promise<void> {
  const data = dataOf(hosts, 'host-1');
  const generated = JSON.parse(await readFile(join(data, 'generated.config.json'), 'utf8')) as {
    readonly etcd_username: string;
    readonly etcd_password: string;
  };
  const endpoint = `https://127.0.0.1:${ports(hosts, 'host-1').client}`;
  const certificate = (name: string) => join(data, 'certificates', name);
  await $({
    quiet: true,
    env: {
      ...process.env,
      ETCDCTL_USER: generated.etcd_username,
      ETCDCTL_PASSWORD: generated.etcd_password,
      ETCDCTL_ENDPOINTS: endpoint,
      ETCDCTL_CACERT: certificate('ca.crt'),
      ETCDCTL_CERT: certificate('etcd-user.crt'),
      ETCDCTL_KEY: certificate('etcd-user.key'),
    },
  })`${hosts.tools}/etcdctl snapshot save ${join(hosts.directory, 'snapshot.db')}`;
}

/** Replaces the stopped host-1's etcd by the snapshot, under a token of its own, and starts it. */
export async function restore(hosts: Hosts, word: string): Promise<void> {
  await kill(hosts, 'host-1');
  const data = dataOf(hosts, 'host-1');
  await rename(join(data, 'etcd'), join(data, `etcd.before-${word}`));
  const peer = `https://127.0.0.1:${ports(hosts, 'host-1').peer}`;
  await $({ quiet: true })`${hosts.tools}/etcdutl snapshot restore \
    ${join(hosts.directory, 'snapshot.db')} --name host-1 --data-dir ${join(data, 'etcd')} \
    --initial-cluster ${`host-1=${peer}`} --initial-advertise-peer-urls ${peer} \
    --initial-cluster-token ${`fidelity-${word}`} --bump-revision 1000000000 --mark-compacted`;
  await start(hosts, 'host-1');
  await listening(hosts, 'host-1');
}

/** Sets a stopped host's etcd, certificates and configuration aside: it counts as new. */
export async function clear(hosts: Hosts, host: string): Promise<void> {
  await rename(dataOf(hosts, host), `${dataOf(hosts, host)}.before`);
}

/** Reattachment: etcd/ aside, mode client with host-1's endpoint, started as a server. */
export async function reattach(hosts: Hosts, host: string): Promise<void> {
  const data = dataOf(hosts, host);
  await rename(join(data, 'etcd'), join(data, 'etcd.before'));
  const path = join(data, 'generated.config.json');
  const generated = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
  generated.etcd_mode = 'client';
  generated.etcd_client = { endpoints: [`https://127.0.0.1:${ports(hosts, 'host-1').client}`] };
  await writeFile(path, JSON.stringify(generated));
  await start(hosts, host, { PGEDGE_ETCD_MODE: 'server' });
}

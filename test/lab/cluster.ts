// Turns machines into a cluster: a real Swarm, one Control Plane service per host, known data.

import { randomBytes } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ControlPlane } from './image.ts';
import {
  attempt,
  createMachine,
  type Machine,
  type Network,
  outside,
  powerOn,
  type Ran,
  rootOf,
  run,
  until,
} from './machines.ts';

type Ports = {
  readonly api: number;
  readonly etcdClient: number;
  readonly etcdPeer: number;
};

/** What a scenario says about one host; `number` is the last part of its address. */
export type HostSpec = {
  readonly id: string;
  readonly number: number;
  readonly mode: 'server' | 'client';
  readonly dataDirectory?: string;
  readonly ports?: Ports;
  /** Role in the Swarm; server hosts are managers unless a scenario says otherwise. */
  readonly swarm?: 'manager' | 'worker';
};

export type Host = {
  readonly id: string;
  readonly mode: 'server' | 'client';
  readonly swarm: 'manager' | 'worker';
  readonly dataDirectory: string;
  readonly ports: Ports;
  readonly service: string;
  readonly machine: Machine;
};

export type Cluster = {
  readonly network: Network;
  readonly hosts: readonly Host[];
  /** Swarm managers that run no Control Plane. */
  readonly extras: readonly Machine[];
  readonly controlPlane: ControlPlane;
  /** Environment for every Control Plane container (test hooks of the stand-in). */
  readonly environment: Readonly<Record<string, string>>;
};

const standardPorts = { api: 3000, etcdClient: 2379, etcdPeer: 2380 };
const standardDirectory = '/data/pgedge/control-plane';
const imageName = 'lab/control-plane:1';

/** Boots the machines, makes them a Swarm, starts and joins every Control Plane. */
export async function createCluster(
  network: Network,
  controlPlane: ControlPlane,
  specs: readonly HostSpec[],
  options: {
    readonly extraManagers?: readonly { readonly name: string; readonly number: number }[];
    readonly environment?: Readonly<Record<string, string>>;
  } = {},
): Promise<Cluster> {
  const defaultRoute = controlPlane.generation === '0.6';
  const hosts: Host[] = [];
  for (const spec of specs) {
    hosts.push({
      id: spec.id,
      mode: spec.mode,
      swarm: spec.swarm ?? (spec.mode === 'server' ? 'manager' : 'worker'),
      dataDirectory: spec.dataDirectory ?? standardDirectory,
      ports: spec.ports ?? standardPorts,
      service: `control-plane_${spec.id}`,
      machine: await createMachine(network, spec.id, spec.number, defaultRoute),
    });
  }
  const extras: Machine[] = [];
  for (const { name, number } of options.extraManagers ?? []) {
    extras.push(await createMachine(network, name, number, false));
  }
  const environment = options.environment ?? {};
  const cluster = { network, hosts, extras, controlPlane, environment };
  await Promise.all([...hosts.map((host) => bootHost(cluster, host)), ...extras.map(powerOn)]);
  const [first, ...others] = hosts;
  if (first === undefined) throw new Error('a cluster needs a host');
  await run(first.machine, ['docker', 'swarm', 'init', '--advertise-addr', first.machine.address]);
  for (const host of others) await enterSwarm(first.machine, host.machine, host.swarm);
  for (const machine of extras) await enterSwarm(first.machine, machine, 'manager');
  for (const host of hosts) await createService(cluster, host, first.machine, 1);
  await Promise.all(hosts.map((host) => waitUninitialised(cluster, host)));
  await mustAnswer(cluster, first, 'GET', `/v1/cluster/init?cluster_id=lab`, [200]);
  for (const host of others) await joinHost(cluster, first, host);
  await waitHealthy(cluster, first);
  return cluster;
}

/** Boots a host's machine, gives it its data directory and the Control Plane's image. */
export async function bootHost(cluster: Cluster, host: Host): Promise<void> {
  await mkdir(join(rootOf(host.machine), host.dataDirectory), { recursive: true });
  await powerOn(host.machine);
  const present = await attempt(host.machine, ['docker', 'image', 'inspect', imageName]);
  if (present.status !== 0) await importImage(cluster, host.machine);
}

async function importImage(cluster: Cluster, machine: Machine): Promise<void> {
  const tar = join(rootOf(machine), 'var/tmp/control-plane.tar');
  // A hard link where both lie on one file system: the machine only reads it once.
  await runHere(['cp', '--link', cluster.controlPlane.image, tar]).catch(() =>
    runHere(['cp', cluster.controlPlane.image, tar]),
  );
  await run(machine, ['docker', 'import', '/var/tmp/control-plane.tar', imageName]);
  await run(machine, ['rm', '/var/tmp/control-plane.tar']);
}

/** Joins a machine to the Swarm that `manager` belongs to. */
async function enterSwarm(
  manager: Machine,
  machine: Machine,
  role: 'manager' | 'worker',
): Promise<void> {
  const token = await run(manager, ['docker', 'swarm', 'join-token', '--quiet', role]);
  const join = ['docker', 'swarm', 'join', '--token', token.stdout.trim()];
  const where = ['--advertise-addr', machine.address, `${manager.address}:2377`];
  await run(machine, [...join, ...where]);
}

/** One service per host, bound to its node, as the product's own stack file makes them. */
async function createService(
  cluster: Cluster,
  host: Host,
  manager: Machine,
  replicas: 0 | 1,
): Promise<void> {
  const node = await run(host.machine, ['docker', 'info', '--format', '{{.Swarm.NodeID}}']);
  const environment = environmentOf(cluster, host);
  const bind = (path: string): string => `type=bind,"source=${path}","target=${path}"`;
  await run(manager, [
    ...['docker', 'service', 'create', '--detach', '--no-resolve-image', '--network', 'host'],
    ...['--name', host.service, '--replicas', String(replicas)],
    ...['--constraint', `node.id==${node.stdout.trim()}`, '--restart-condition', 'any'],
    ...Object.entries(environment).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
    ...['--mount', bind(host.dataDirectory), '--mount', bind('/var/run/docker.sock')],
    ...[imageName, '/pgedge-control-plane', 'run'],
  ]);
}

/** The product's own environment (control-plane-facts 7 and 8). */
function environmentOf(cluster: Cluster, host: Host): Readonly<Record<string, string>> {
  const older = cluster.controlPlane.generation === '0.6';
  return {
    PGEDGE_HOST_ID: host.id,
    PGEDGE_DATA_DIR: host.dataDirectory,
    [older ? 'PGEDGE_IPV4_ADDRESS' : 'PGEDGE_PEER_ADDRESSES']: host.machine.address,
    PGEDGE_HTTP__PORT: String(host.ports.api),
    PGEDGE_ETCD_SERVER__CLIENT_PORT: String(host.ports.etcdClient),
    PGEDGE_ETCD_SERVER__PEER_PORT: String(host.ports.etcdPeer),
    ...(host.mode === 'client' ? { PGEDGE_ETCD_MODE: 'client' } : {}),
    PLAN_LAB_GENERATION: cluster.controlPlane.generation,
    ...cluster.environment,
  };
}

/** The stack file an owner keeps, in the shape the product's own generator writes it. */
export function stackFileOf(cluster: Cluster): string {
  const services = cluster.hosts.map((host) => {
    const environment = Object.entries(environmentOf(cluster, host));
    return `
  ${host.id}:
    image: ${imageName}
    command: /pgedge-control-plane run
    environment:
${environment.map(([name, value]) => `      - ${name}=${value}`).join('\n')}
    volumes:
      - ${host.dataDirectory}:${host.dataDirectory}
      - /var/run/docker.sock:/var/run/docker.sock
    networks:
      - host
    deploy:
      placement:
        constraints:
          - node.id==node-of-the-lost-swarm
`;
  });
  return `services:${services.join('')}
networks:
  host:
    name: host
    external: true
`;
}

export const serversOf = (cluster: Cluster): readonly Host[] =>
  cluster.hosts.filter((host) => host.mode === 'server');

/** The host of an id; scenarios name hosts by id. */
export function hostOf(cluster: Cluster, id: string): Host {
  const host = cluster.hosts.find((one) => one.id === id);
  if (host === undefined) throw new Error(`no host ${id} in this cluster`);
  return host;
}

/** An answer of the API: status 0 where none came. */
export type Answer = { readonly status: number; readonly body: unknown; readonly text: string };

/** One request from the operator's workstation to a host's API. */
export async function ask(
  cluster: Cluster,
  host: Host,
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  body?: unknown,
  seconds = 5,
): Promise<Answer> {
  const url = `http://${host.machine.address}:${host.ports.api}${path}`;
  const limits = ['--connect-timeout', '2', '--max-time', String(seconds)];
  const shape = [
    '--silent',
    '--show-error',
    '--globoff',
    '--write-out',
    '\n%{http_code}',
    '--request',
    method,
  ];
  const sent =
    body === undefined ? [] : ['--header', 'Content-Type: application/json', '--data', '@-'];
  const stdin = body === undefined ? '' : JSON.stringify(body);
  const argv = ['curl', ...limits, ...shape, ...sent, url];
  const { stdout, stderr } = await outside(cluster.network, argv, { stdin });
  const cut = stdout.lastIndexOf('\n');
  const text = stdout.slice(0, Math.max(cut, 0));
  return { status: Number(stdout.slice(cut + 1)), body: parsed(text), text: text || stderr };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** As {@link ask}, but any other status is an error that shows the answer. */
export async function mustAnswer(
  cluster: Cluster,
  host: Host,
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  wanted: readonly number[],
  body?: unknown,
  seconds = 120,
): Promise<unknown> {
  const answer = await ask(cluster, host, method, path, body, seconds);
  if (wanted.includes(answer.status)) return answer.body;
  throw new Error(`${method} ${path} on ${host.id}: ${answer.status} ${answer.text}`);
}

async function waitUninitialised(cluster: Cluster, host: Host): Promise<void> {
  await until(`the uninitialised API of ${host.id}`, 90, async () =>
    (await ask(cluster, host, 'GET', '/v1/hosts')).status === 409 ? true : null,
  );
}

/** Joins one more host, with the token passed through unchanged. */
async function joinHost(cluster: Cluster, member: Host, host: Host): Promise<void> {
  const token = await mustAnswer(cluster, member, 'GET', '/v1/cluster/join-token', [200]);
  await mustAnswer(cluster, host, 'POST', '/v1/cluster/join', [204], token);
}

/** A host record as far as the lab reads it. */
export type HostRecord = {
  readonly id: string;
  readonly etcd_mode?: string;
  readonly status: { readonly state: string; readonly updated_at?: string };
};

/** Host records as reported by one host's API, or null if it does not answer 200. */
export async function hostRecords(
  cluster: Cluster,
  host: Host,
): Promise<readonly HostRecord[] | null> {
  const { status, body } = await ask(cluster, host, 'GET', '/v1/hosts');
  return status === 200 ? (body as { readonly hosts: readonly HostRecord[] }).hosts : null;
}

/** Waits until a host's API shows the given hosts healthy, with a status of the last 30 s. */
export async function waitHealthy(
  cluster: Cluster,
  asked: Host,
  ids: readonly string[] = cluster.hosts.map((host) => host.id),
  seconds = 120,
): Promise<void> {
  await until(`healthy ${ids.join(', ')} as ${asked.id} sees them`, seconds, async () => {
    const records = (await hostRecords(cluster, asked)) ?? [];
    const healthy = records.filter(({ status }) => {
      const age = Date.now() - Date.parse(status.updated_at ?? '');
      return status.state === 'healthy' && age < 30_000;
    });
    const seen = new Set(healthy.map((record) => record.id));
    return ids.every((id) => seen.has(id)) ? true : null;
  });
}

/** Text of a file on a machine's disk, also while it is off. */
function fileOn(host: Host, ...path: readonly string[]): Promise<string> {
  return readFile(join(rootOf(host.machine), host.dataDirectory, ...path), 'utf8');
}

/** User and password a host's Control Plane made for itself; they enter environments only. */
export async function credentialsOf(
  host: Host,
): Promise<{ readonly user: string; readonly password: string }> {
  const config = JSON.parse(await fileOn(host, 'generated.config.json')) as {
    readonly etcd_username: string;
    readonly etcd_password: string;
  };
  return { user: config.etcd_username, password: config.etcd_password };
}

/** Runs etcdctl on a host with that host's own credentials against an endpoint (its own). */
export async function etcdctl(
  host: Host,
  argv: readonly string[],
  options: { readonly stdin?: string; readonly endpoint?: Host } = {},
): Promise<Ran> {
  const { user, password } = await credentialsOf(host);
  const { machine, ports } = options.endpoint ?? host;
  const certificates = `${host.dataDirectory}/certificates`;
  return attempt(host.machine, ['/opt/etcd/etcdctl', ...argv], {
    stdin: options.stdin ?? '',
    timeout: 20,
    env: {
      ETCDCTL_ENDPOINTS: `https://${machine.address}:${ports.etcdClient}`,
      ETCDCTL_CACERT: `${certificates}/ca.crt`,
      ETCDCTL_CERT: `${certificates}/etcd-user.crt`,
      ETCDCTL_KEY: `${certificates}/etcd-user.key`,
      ETCDCTL_USER: user,
      ETCDCTL_PASSWORD: password,
    },
  });
}

const knownPrefix = '/plan-lab/known/';

/** Writes `count` keys of random text (at most 128 fit into one transaction each). */
export async function writeKnown(
  host: Host,
  label: string,
  count: number,
): Promise<ReadonlyMap<string, string>> {
  const written = new Map<string, string>();
  for (let index = 0; index < count; index += 1) {
    written.set(`${knownPrefix}${label}/${index}`, randomBytes(24).toString('hex'));
  }
  const entries = [...written];
  for (let from = 0; from < entries.length; from += 100) {
    const puts = entries.slice(from, from + 100).map(([key, value]) => `put ${key} ${value}`);
    const stdin = `\n${puts.join('\n')}\n\n\n`;
    const answer = await etcdctl(host, ['txn'], { stdin });
    if (!answer.stdout.includes('SUCCESS')) throw new Error(`cannot write: ${answer.stderr}`);
  }
  return written;
}

/** Every known key as reported by one host's own endpoint. */
export async function readKnown(host: Host): Promise<ReadonlyMap<string, string>> {
  const answer = await etcdctl(host, ['get', '--prefix', knownPrefix, '--write-out', 'json']);
  if (answer.status !== 0) throw new Error(`${host.id} cannot read: ${answer.stderr}`);
  const { kvs = [] } = JSON.parse(answer.stdout) as {
    readonly kvs?: readonly { readonly key: string; readonly value: string }[];
  };
  const text = (coded: string): string => Buffer.from(coded, 'base64').toString();
  return new Map(kvs.map(({ key, value }) => [text(key), text(value)]));
}

/** One line of `etcdctl member list`. */
export type Member = {
  readonly id: string;
  readonly started: boolean;
  readonly name: string;
  readonly learner: boolean;
};

/** The member list as reported by one host's own endpoint. */
export async function membersOf(host: Host): Promise<readonly Member[]> {
  const answer = await etcdctl(host, ['member', 'list', '--write-out', 'simple']);
  if (answer.status !== 0) throw new Error(`${host.id} lists no members: ${answer.stderr}`);
  const lines = answer.stdout.split('\n').filter((line) => line.trim() !== '');
  return lines.map((line) => {
    const fields = line.trim().split(', ');
    return {
      id: fields[0] ?? '',
      started: fields[1] === 'started',
      name: fields[2] ?? '',
      learner: fields.at(-1) === 'true',
    };
  });
}

/** Cluster id (decimal, as text: it exceeds what JSON numbers hold) and revision of an endpoint. */
export async function statusOf(
  host: Host,
): Promise<{ readonly clusterId: string; readonly revision: number }> {
  const answer = await etcdctl(host, ['endpoint', 'status', '--write-out', 'fields']);
  if (answer.status !== 0) throw new Error(`${host.id} has no status: ${answer.stderr}`);
  const field = (name: string): string =>
    new RegExp(`"${name}" : (\\d+)`).exec(answer.stdout)?.[1] ?? '';
  return { clusterId: field('ClusterID'), revision: Number(field('Revision')) };
}

/**
 * What an etcd member says of itself without a quorum and without a login: whether it has a leader,
 * and its revision.
 */
export async function memberWords(
  host: Host,
): Promise<{ readonly leader: boolean; readonly revision: number } | null> {
  const folder = `${host.dataDirectory}/certificates`;
  const keys = ['--cert', `${folder}/etcd-user.crt`, '--key', `${folder}/etcd-user.key`];
  const url = `https://${host.machine.address}:${host.ports.etcdClient}/metrics`;
  const shape = ['--silent', '--fail', '--max-time', '3', '--cacert', `${folder}/ca.crt`];
  const { status, stdout } = await attempt(host.machine, ['curl', ...shape, ...keys, url]);
  if (status !== 0) return null;
  const figure = (name: string): number =>
    Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(stdout)?.[1] ?? Number.NaN);
  return {
    leader: figure('etcd_server_has_leader') === 1,
    revision: figure('etcd_debugging_mvcc_current_revision'),
  };
}

async function runHere(argv: readonly string[]): Promise<void> {
  const { execFile } = await import('node:child_process');
  const [command = '', ...rest] = argv;
  await new Promise<void>((resolve, reject) => {
    execFile(command, rest, (error) => (error === null ? resolve() : reject(error)));
  });
}

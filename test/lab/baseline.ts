// Turns a cluster into what must still be true of it after the recovery.

import { createHash } from 'node:crypto';
import { lstat, readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { ask, type Cluster, credentialsOf, etcdctl, type Host, statusOf } from './cluster.ts';
import { rootOf, run } from './machines.ts';

/** One file: its place, which file it is (inode and birth), its content where it is small. */
export type FileMark = {
  readonly path: string;
  readonly identity: string;
  readonly sha256: string | null;
};

/** A service as Swarm stores it, without what only counts restarts. */
export type ServiceSpec = {
  readonly replicas: number;
  readonly constraints: readonly string[];
  readonly environment: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly image: string;
  readonly mounts: readonly string[];
};

export type Baseline = {
  readonly known: ReadonlyMap<string, string>;
  readonly clusterId: string;
  readonly revision: number;
  readonly services: ReadonlyMap<string, ServiceSpec>;
  /** Listening TCP addresses of each host, sorted. */
  readonly ports: ReadonlyMap<string, readonly string[]>;
  /** Passwords and tokens of the cluster, which must appear nowhere. */
  readonly secrets: readonly string[];
  /** Databases as the API reported them, without the statuses of their instances. */
  readonly databases: string;
};

/** Taken while the cluster is complete, after the known data were written. */
export async function takeBaseline(
  cluster: Cluster,
  asked: Host,
  known: ReadonlyMap<string, string>,
): Promise<Baseline> {
  const { clusterId, revision } = await statusOf(asked);
  const ports = new Map<string, readonly string[]>();
  for (const host of cluster.hosts) ports.set(host.id, await listeners(host));
  return {
    known,
    clusterId,
    revision,
    services: await servicesOf(cluster, asked),
    ports,
    secrets: await secretsOf(cluster, asked),
    databases: await databasesOf(cluster, asked),
  };
}

/** Every Control Plane service, as reported by a Swarm manager. */
export async function servicesOf(
  cluster: Cluster,
  manager: Host,
): Promise<ReadonlyMap<string, ServiceSpec>> {
  const services = new Map<string, ServiceSpec>();
  const names = cluster.hosts.map((host) => host.service);
  const answer = await run(manager.machine, ['docker', 'service', 'inspect', ...names]);
  for (const { Spec } of JSON.parse(answer.stdout) as readonly { readonly Spec: RawSpec }[]) {
    services.set(Spec.Name, {
      replicas: Spec.Mode.Replicated.Replicas,
      constraints: Spec.TaskTemplate.Placement.Constraints ?? [],
      environment: [...(Spec.TaskTemplate.ContainerSpec.Env ?? [])].sort(),
      labels: Spec.Labels ?? {},
      image: Spec.TaskTemplate.ContainerSpec.Image,
      mounts: (Spec.TaskTemplate.ContainerSpec.Mounts ?? []).map((mount) => mount.Source).sort(),
    });
  }
  return services;
}

type RawSpec = {
  readonly Name: string;
  readonly Labels?: Readonly<Record<string, string>>;
  readonly Mode: { readonly Replicated: { readonly Replicas: number } };
  readonly TaskTemplate: {
    readonly Placement: { readonly Constraints?: readonly string[] };
    readonly ContainerSpec: {
      readonly Image: string;
      readonly Env?: readonly string[];
      readonly Mounts?: readonly { readonly Source: string }[];
    };
  };
};

/** What listens on a machine, as `address:port`. */
export async function listeners(host: Host): Promise<readonly string[]> {
  const answer = await run(host.machine, [
    'ss',
    '--no-header',
    '--listening',
    '--tcp',
    '--numeric',
  ]);
  const places = answer.stdout.split('\n').map((line) => line.trim().split(/\s+/)[3] ?? '');
  // Patroni's and Docker's own short-lived local ports are nobody else's business.
  return [...new Set(places.filter((place) => place !== ''))].sort();
}

/** etcd passwords of all hosts, the join token's secret half, both Swarm join tokens. */
async function secretsOf(cluster: Cluster, manager: Host): Promise<readonly string[]> {
  const secrets: string[] = [];
  for (const host of cluster.hosts) secrets.push((await credentialsOf(host)).password);
  const { body } = await ask(cluster, manager, 'GET', '/v1/cluster/join-token');
  const token = (body as { readonly token?: string } | null)?.token?.split('-').at(-1);
  if (token !== undefined) secrets.push(token);
  for (const role of ['manager', 'worker']) {
    const swarm = await run(manager.machine, ['docker', 'swarm', 'join-token', '--quiet', role]);
    secrets.push(swarm.stdout.trim());
  }
  return secrets.filter((secret) => secret.length > 8);
}

/** Everything a recovery that touches no database leaves as it was. */
export async function databasesOf(cluster: Cluster, asked: Host): Promise<string> {
  const { status, body } = await ask(cluster, asked, 'GET', '/v1/databases');
  if (status !== 200) throw new Error(`${asked.id} reports no databases: ${status}`);
  const { databases = [] } = body as {
    readonly databases?: readonly Readonly<Record<string, unknown>>[];
  };
  const kept = databases.map(({ instances: _, ...database }) => database);
  const text = JSON.stringify(kept.sort((a, b) => (String(a.id) < String(b.id) ? -1 : 1)));
  return `${databases.length} databases ${createHash('sha256').update(text).digest('hex')}`;
}

/** Every plain file below a folder of a machine's disk; etcd's own scratch files are left out. */
async function filesBelow(folder: string): Promise<readonly FileMark[]> {
  const marks: FileMark[] = [];
  const walk = async (path: string): Promise<void> => {
    for (const entry of await readdir(path, { withFileTypes: true }).catch(() => [])) {
      const inner = join(path, entry.name);
      if (entry.isDirectory()) await walk(inner);
      else if (entry.isFile() && !entry.name.endsWith('.tmp'))
        marks.push(await mark(folder, inner));
    }
  };
  await walk(folder);
  return marks;
}

async function mark(folder: string, path: string): Promise<FileMark> {
  const { ino, birthtimeMs, size } = await lstat(path);
  const small = size <= 1 << 20;
  const text = small ? await readFile(path).catch(() => null) : null;
  const sha256 = text === null ? null : createHash('sha256').update(text).digest('hex');
  return { path: relative(folder, path), identity: `${ino}@${birthtimeMs}`, sha256 };
}

/** The files of a host's data directory, read from its disk: the machine may be off. */
export const dataFiles = (host: Host): Promise<readonly FileMark[]> =>
  filesBelow(join(rootOf(host.machine), host.dataDirectory));

/** A number that grows with each write that a watcher of the cluster would see, or null. */
export async function pulse(host: Host, beat: number): Promise<number | null> {
  const put = ['put', '/plan-lab/pulse', String(beat), '--write-out', 'json'];
  const answer = await etcdctl(host, [...put, '--command-timeout', '1s', '--dial-timeout', '1s']);
  if (answer.status !== 0) return null;
  return (JSON.parse(answer.stdout) as { header: { revision: number } }).header.revision;
}

// Turns two machines of a cluster into one database: PostgreSQL twice, held together by Patroni
// that keeps its leader lock in the Control Plane's etcd, as the product's databases do.

import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Cluster, credentialsOf, type Host, serversOf } from '../cluster.ts';
import { attempt, begin, copyIn, type Machine, outside, rootOf, run, until } from '../machines.ts';
import { python, type Software } from './install.ts';

/** One PostgreSQL under one Patroni, on the machine of a host. */
export type Instance = { readonly host: Host };

/** Both instances, and how the operator's workstation reaches them. */
export type Pair = {
  readonly cluster: Cluster;
  readonly software: Software;
  readonly instances: readonly Instance[];
  /** A file with the superuser's password, as libpq reads it; on this computer, 0600. */
  readonly passwords: string;
};

/** What one look at an instance showed. */
export type InstanceState = 'writable' | 'read-only' | 'silent';

/** Home of an instance on its machine. Outside the Control Plane's data directory. */
const home = '/srv/database';
const port = 5432;

/** As the product sets them for a node with more than one instance; all in seconds. */
export const dynamic = { loop_wait: 10, ttl: 30, retry_timeout: 10, failsafe_mode: false };

/** Starts a database on two hosts and waits until one instance is written to and one streams. */
export async function createPair(
  cluster: Cluster,
  software: Software,
  hosts: readonly Host[],
): Promise<Pair> {
  const secret = (): string => randomBytes(16).toString('hex');
  const [superuser, replication] = [secret(), secret()];
  const passwords = join(cluster.network.state.directory, 'database-passwords');
  await writeFile(passwords, `*:*:*:postgres:${superuser}\n`, { mode: 0o600 });
  const pair = { cluster, software, instances: hosts.map((host) => ({ host })), passwords };
  try {
    for (const { host } of pair.instances) {
      await furnish(pair, host, { superuser, replication });
      await startPatroni({ host });
    }
    await until('a database with a leader and a streaming replica', 90, async () => {
      // A base backup under way streams too, and its instance does not listen yet.
      const query = `select count(*) from pg_stat_replication
        where state = 'streaming' and application_name <> 'pg_basebackup'`;
      const answer = await psqlAtLeader(pair, query);
      if (answer.status !== 0 || Number(answer.stdout) !== hosts.length - 1) return null;
      const states = await Promise.all(pair.instances.map((one) => stateOf(pair, one)));
      return states.includes('silent') ? null : true;
    });
  } catch (error) {
    throw new Error(
      [String(error), ...(await Promise.all(pair.instances.map(lastWords)))].join('\n'),
    );
  }
  return pair;
}

type Passwords = { readonly superuser: string; readonly replication: string };

/** Puts program, certificates and configuration onto the machine's disk, for postgres only. */
async function furnish(pair: Pair, host: Host, passwords: Passwords): Promise<void> {
  const { machine } = host;
  await copyIn(machine, pair.software.patroni, '/opt/patroni');
  const folder = join(rootOf(machine), home);
  const owner = await postgresUser(machine);
  await mkdir(join(folder, 'certificates'), { recursive: true });
  const files: [string, string][] = [];
  for (const name of ['ca.crt', 'etcd-user.crt', 'etcd-user.key']) {
    const source = join(rootOf(machine), host.dataDirectory, 'certificates', name);
    files.push([`certificates/${name}`, await readFile(source, 'utf8')]);
  }
  const configuration = await configurationOf(pair, host, passwords);
  files.push(['patroni.yml', JSON.stringify(configuration, null, 2)]);
  for (const [name, text] of files) {
    await writeFile(join(folder, name), text, { mode: 0o600 });
    await chown(join(folder, name), owner.uid, owner.gid);
  }
  for (const directory of [folder, join(folder, 'certificates')]) {
    await chmod(directory, 0o700);
    await chown(directory, owner.uid, owner.gid);
  }
}

async function postgresUser(
  machine: Machine,
): Promise<{ readonly uid: number; readonly gid: number }> {
  const users = await readFile(join(rootOf(machine), 'etc/passwd'), 'utf8');
  const fields = /^postgres:[^:]*:(\d+):(\d+):/m.exec(users);
  if (fields === null) throw new Error(`${machine.name} knows no user postgres`);
  return { uid: Number(fields[1]), gid: Number(fields[2]) };
}

/** Patroni's configuration (YAML, of which JSON is a part), shaped as the product's own. */
async function configurationOf(pair: Pair, host: Host, passwords: Passwords): Promise<unknown> {
  const { address, name } = host.machine;
  const { user, password } = await credentialsOf(host);
  const network = `${pair.cluster.network.prefix}.0/24`;
  return {
    name,
    namespace: '/patroni/',
    scope: 'lab:n1',
    log: { level: 'INFO', dir: home, file_size: 50_000_000 },
    restapi: { listen: `${address}:8008`, connect_address: `${address}:8008` },
    etcd3: {
      hosts: serversOf(pair.cluster).map((one) => `${one.machine.address}:${one.ports.etcdClient}`),
      protocol: 'https',
      username: user,
      password,
      cacert: `${home}/certificates/ca.crt`,
      cert: `${home}/certificates/etcd-user.crt`,
      key: `${home}/certificates/etcd-user.key`,
    },
    bootstrap: {
      dcs: { ...dynamic, postgresql: { use_pg_rewind: true } },
      initdb: ['data-checksums', 'no-sync', { encoding: 'UTF8' }, { locale: 'C.UTF-8' }],
    },
    postgresql: {
      listen: `${address}:${port}`,
      connect_address: `${address}:${port}`,
      data_dir: `${home}/data`,
      bin_dir: pair.software.postgres,
      pgpass: `${home}/pgpass`,
      authentication: {
        superuser: { username: 'postgres', password: passwords.superuser },
        replication: { username: 'replicator', password: passwords.replication },
      },
      pg_hba: [
        'local all all scram-sha-256',
        `host all all ${network} scram-sha-256`,
        `host replication replicator ${network} scram-sha-256`,
      ],
      parameters: {
        unix_socket_directories: home,
        logging_collector: 'on',
        log_directory: home,
        log_filename: 'postgresql.log',
        shared_buffers: '32MB',
        wal_log_hints: 'on',
        wal_sender_timeout: '5s',
      },
    },
    watchdog: { mode: 'off' },
  };
}

/** Patroni as PostgreSQL's own user; it ends with its machine. */
async function startPatroni(instance: Instance): Promise<void> {
  const { machine } = instance.host;
  const user = ['setpriv', '--reuid=postgres', '--regid=postgres', '--init-groups'];
  const script = [
    `cd ${home}`,
    'echo "$$" >patroni.pid',
    'exec >>console.log 2>&1 </dev/null',
    `exec ${python} -m patroni patroni.yml`,
  ];
  const env = { PYTHONPATH: '/opt/patroni', PYTHONDONTWRITEBYTECODE: '1', HOME: home };
  const started = begin(machine, [...user, 'bash', '-ec', script.join('\n')], {
    env,
    timeout: 24 * 3600,
  });
  // Its end is seen by those who look at the database; a power cut is one of the ways it ends.
  void started.done.catch(() => undefined);
  await until(`the process of Patroni on ${machine.name}`, 10, () => patroniPid(machine));
}

/** Ends Patroni, which ends PostgreSQL, and starts both: what restarting a container does. */
export async function restartPatroni(instance: Instance): Promise<void> {
  const { machine } = instance.host;
  const pid = await patroniPid(machine);
  if (pid === null) throw new Error(`no Patroni runs on ${machine.name}`);
  await run(machine, ['kill', '-TERM', pid]);
  // A container that does not end within its grace is killed.
  const ended = await attempt(machine, [
    'timeout',
    '10',
    'tail',
    `--pid=${pid}`,
    '-f',
    '/dev/null',
  ]);
  if (ended.status !== 0) await run(machine, ['kill', '-KILL', pid]);
  await startPatroni(instance);
}

/** The pid of a living Patroni as its machine counts, or null. */
async function patroniPid(machine: Machine): Promise<string | null> {
  const script = `pid="$(cat ${home}/patroni.pid)" && kill -0 "$pid" && echo "$pid"`;
  const answer = await attempt(machine, ['sh', '-c', script]);
  return answer.status === 0 ? answer.stdout.trim() : null;
}

/**
 * How many times an instance has set out to log in to etcd since it was made, by its own log.
 *
 * @throws where it has never logged in: then its log has other words than these.
 */
export async function loginsOf(instance: Instance): Promise<number> {
  const text = await readFile(join(rootOf(instance.host.machine), home, 'patroni.log'), 'utf8');
  const logins = text.match(/Trying to authenticate on Etcd/g)?.length ?? 0;
  if (logins === 0) throw new Error(`Patroni on ${instance.host.id} reports no login`);
  return logins;
}

/** What Patroni said last, for a failure's report. */
export async function lastWords(instance: Instance): Promise<string> {
  const texts = [`--- database on ${instance.host.id}`];
  for (const name of ['console.log', 'patroni.log']) {
    const path = join(rootOf(instance.host.machine), home, name);
    const text = await readFile(path, 'utf8').catch(() => '');
    texts.push(...text.trimEnd().split('\n').slice(-12));
  }
  return texts.join('\n');
}

/** A query at whichever instance takes writes, as an application would connect. */
export function psqlAtLeader(pair: Pair, query: string): ReturnType<typeof psql> {
  const hosts = pair.instances.map(({ host }) => host.machine.address).join(',');
  return psql(pair, hosts, 'read-write', query);
}

/** Whether one instance takes writes at this moment. */
export async function stateOf(pair: Pair, instance: Instance): Promise<InstanceState> {
  const query = 'select pg_is_in_recovery()';
  const answer = await psql(pair, instance.host.machine.address, 'any', query);
  if (answer.status !== 0) return 'silent';
  return answer.stdout.trim() === 'f' ? 'writable' : 'read-only';
}

function psql(
  pair: Pair,
  hosts: string,
  session: 'any' | 'read-write',
  query: string,
): ReturnType<typeof outside> {
  const where = `host=${hosts} port=${port} user=postgres dbname=postgres`;
  const connection = `${where} connect_timeout=2 target_session_attrs=${session}`;
  const argv = [join(pair.software.postgres, 'psql'), '-XAtq', '-d', connection, '-c', query];
  const env = { PGPASSFILE: pair.passwords, PGOPTIONS: '-c statement_timeout=2s' };
  return outside(pair.cluster.network, argv, { env, timeout: 6 });
}

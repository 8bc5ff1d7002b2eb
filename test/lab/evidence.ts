// Turns a recovered cluster into a list of proofs, each of which may fail, asked of every machine.

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Baseline,
  databasesOf,
  dataFiles,
  type FileMark,
  listeners,
  type ServiceSpec,
  servicesOf,
} from './baseline.ts';
import {
  type Cluster,
  credentialsOf,
  etcdctl,
  type Host,
  hostOf,
  membersOf,
  readKnown,
  serversOf,
  statusOf,
  waitHealthy,
} from './cluster.ts';
import { rootOf } from './machines.ts';
import { type Operator, runScript, turnOfPhase } from './operator.ts';
import { linesWith, type Recording } from './recorder.ts';

/** What a scenario expects at its end, where it departs from "everything as before". */
export type Expectation = {
  readonly recoveryHost: string;
  /** Hosts that belong to the cluster at the end; all of them unless said otherwise. */
  readonly hosts?: readonly string[];
  /** Hosts whose machine is another one now: node id and old files are gone with the old disk. */
  readonly replaced?: readonly string[];
  /** Known keys that the stated loss covers. */
  readonly lostKeys?: readonly string[];
  /** The Swarm was created again from a stack file: labels and node ids are of the new one. */
  readonly newSwarm?: boolean;
  /**
   * Reattached hosts that end as one of two voters, which are never restarted: the variable that
   * made them servers stays in their services, with the label that names its owner.
   */
  readonly leftAlone?: readonly string[];
  /** Databases may differ (hosts were taken out of them). */
  readonly databasesChanged?: boolean;
};

/** A proof that held, in words. Failures are thrown all together. */
export type Proof = string;

/** Runs every proof; throws one error that lists all that failed. */
export async function proveRecovered(
  operator: Operator,
  baseline: Baseline,
  files: ReadonlyMap<string, readonly FileMark[]>,
  expected: Expectation,
): Promise<readonly Proof[]> {
  const { cluster } = operator;
  const ids = expected.hosts ?? cluster.hosts.map((host) => host.id);
  const hosts = ids.map((id) => hostOf(cluster, id));
  const recovery = hostOf(cluster, expected.recoveryHost);
  const proofs: Proof[] = [];
  const failures: string[] = [];
  const check = async (name: string, look: () => Promise<string>): Promise<void> => {
    try {
      proofs.push(`${name}: ${await look()}`);
    } catch (error) {
      failures.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  await check('hosts healthy, asked of each', () => provesHealthy(cluster, hosts));
  for (const host of hosts) {
    await check(`known data from ${host.id}`, () =>
      provesKnown(host, recovery, baseline, expected),
    );
  }
  await check('one cluster, its voters', () => provesMembers(hosts, baseline));
  await check('services as before', () => provesServices(cluster, recovery, baseline, expected));
  for (const host of hosts) {
    await check(`listeners on ${host.id}`, () => provesListeners(host, baseline));
    if (expected.replaced?.includes(host.id) !== true) {
      await check(`files of ${host.id}`, () => provesKept(host, files.get(host.id) ?? []));
    }
    await check(`no secret in files of ours on ${host.id}`, () => provesSilence(host, baseline));
  }
  if (expected.databasesChanged !== true) {
    await check('databases', async () => {
      const now = await databasesOf(cluster, recovery);
      if (now !== baseline.databases) throw new Error(`${now}, before ${baseline.databases}`);
      return `${now.split(' ')[0]} as before, to the byte`;
    });
  }
  if (failures.length > 0) throw new Error(`not proved:\n${failures.join('\n')}`);
  return proofs;
}

async function provesHealthy(cluster: Cluster, hosts: readonly Host[]): Promise<string> {
  const ids = hosts.map((host) => host.id);
  for (const host of hosts) await waitHealthy(cluster, host, ids, 60);
  return `${ids.length} hosts fresh and healthy`;
}

async function provesKnown(
  host: Host,
  recovery: Host,
  baseline: Baseline,
  expected: Expectation,
): Promise<string> {
  // A client host has no etcd of its own; it asks the recovery host's with its own credentials.
  const known = host.mode === 'server' ? await readKnown(host) : await knownFrom(host, recovery);
  const lost = new Set(expected.lostKeys ?? []);
  for (const [key, value] of baseline.known) {
    const seen = known.get(key);
    if (lost.has(key) ? seen !== undefined : seen !== value) {
      throw new Error(`${key} is ${seen ?? 'absent'}`);
    }
  }
  return `${baseline.known.size - lost.size} keys there, ${lost.size} lost as stated`;
}

async function knownFrom(host: Host, recovery: Host): Promise<ReadonlyMap<string, string>> {
  const argv = ['get', '--prefix', '/plan-lab/known/'];
  const answer = await etcdctl(host, argv, { endpoint: recovery });
  if (answer.status !== 0) throw new Error(answer.stderr);
  const lines = answer.stdout.trimEnd().split('\n');
  const pairs: [string, string][] = [];
  for (let at = 0; at + 1 < lines.length; at += 2)
    pairs.push([lines[at] ?? '', lines[at + 1] ?? '']);
  return new Map(pairs);
}

async function provesMembers(hosts: readonly Host[], baseline: Baseline): Promise<string> {
  const servers = hosts.filter((host) => host.mode === 'server');
  const wanted = servers.map((host) => host.id).sort();
  const ids = new Set<string>();
  for (const host of servers) {
    const members = await membersOf(host);
    const names = members.map((member) => member.name).sort();
    if (names.join() !== wanted.join()) throw new Error(`${host.id} sees ${names.join()}`);
    if (members.some((member) => member.learner || !member.started)) {
      throw new Error(`${host.id} sees a learner or an unstarted member`);
    }
    const { clusterId, revision } = await statusOf(host);
    ids.add(clusterId);
    if (revision < baseline.revision) throw new Error(`revision of ${host.id} fell to ${revision}`);
  }
  if (ids.size !== 1) throw new Error(`cluster ids ${[...ids].join(', ')}`);
  if (ids.has(baseline.clusterId)) throw new Error('the old cluster id is in use');
  return `${wanted.join(', ')}; cluster ${[...ids].join()} (new), revision grown`;
}

async function provesServices(
  cluster: Cluster,
  manager: Host,
  baseline: Baseline,
  expected: Expectation,
): Promise<string> {
  const now = await servicesOf(cluster, manager);
  const hosts = expected.hosts ?? cluster.hosts.map((host) => host.id);
  const replaced = new Set(expected.replaced ?? []);
  const withoutOurs = (spec: ServiceSpec, host: Host): ServiceSpec =>
    expected.leftAlone?.includes(host.id) === true ? withoutMark(spec) : spec;
  for (const host of cluster.hosts) {
    const before = baseline.services.get(host.service);
    const after = now.get(host.service);
    if (before === undefined || after === undefined) throw new Error(`no ${host.service}`);
    const still = hosts.includes(host.id);
    const moved = replaced.has(host.id) || expected.newSwarm === true;
    const wanted = {
      ...before,
      replicas: still ? before.replicas : 0,
      constraints: moved ? after.constraints : before.constraints,
      labels: expected.newSwarm === true ? withoutOurs(after, host).labels : before.labels,
    };
    const [is, should] = [JSON.stringify(withoutOurs(after, host)), JSON.stringify(wanted)];
    if (is !== should) throw new Error(`${host.service} is ${is}, was ${should}`);
    if (Object.keys(withoutOurs(after, host).labels).some((label) => label.startsWith('plan.'))) {
      throw new Error(`${host.service} still carries a label of ours`);
    }
    if (after.constraints.length !== 1) {
      throw new Error(`${host.service} is bound to ${after.constraints.join(' and ')}`);
    }
  }
  return `${now.size} services: replicas, place, environment, labels, image, mounts`;
}

/** A service without what reattachment has added to it, both halves of which must be there. */
function withoutMark(spec: ServiceSpec): ServiceSpec {
  const added = 'PGEDGE_ETCD_MODE=server';
  const { 'plan.recovery.env': mark, ...labels } = spec.labels;
  if (mark === undefined || !spec.environment.includes(added)) {
    throw new Error(`a label of ours without ${added}, or the other way round`);
  }
  return { ...spec, labels, environment: spec.environment.filter((one) => one !== added) };
}

async function provesListeners(host: Host, baseline: Baseline): Promise<string> {
  const before = baseline.ports.get(host.id) ?? [];
  const now = await listeners(host);
  const strange = now.filter((place) => !before.includes(place));
  const missing = before.filter((place) => !now.includes(place));
  if (strange.length > 0) throw new Error(`new listeners: ${strange.join(', ')}`);
  // Swarm's own port opens again when the node is a manager again, which takes its time.
  const ours = missing.filter((place) => !place.endsWith(':2377'));
  if (ours.length > 0) throw new Error(`listens no more on ${ours.join(', ')}`);
  return `${now.length}, none new`;
}

/** Each file that was there before is there still: as itself somewhere, or as the same content. */
async function provesKept(host: Host, before: readonly FileMark[]): Promise<string> {
  const now = await dataFiles(host);
  const identities = new Set(now.map((file) => file.identity));
  const contents = new Set(now.map((file) => file.sha256).filter((sum) => sum !== null));
  const gone = before.filter(
    (file) =>
      !identities.has(file.identity) && !(file.sha256 !== null && contents.has(file.sha256)),
  );
  if (gone.length > 0) throw new Error(`gone: ${gone.map((file) => file.path).join(', ')}`);
  return `${before.length} of before exist, ${now.length} now`;
}

/** Folders that hold the product's own files, set aside or copied, or an etcd database. */
const productOwned = /(^|\/)(before|salvage|half-done-\d+|undone)\/|generated\.config\.json|\.db$/;

/** Where the owner of a machine, and a script in a hurry, could have left a file. */
const ordinaryFolders = ['etc', 'home', 'mnt', 'opt', 'root', 'srv', 'var/log', 'var/tmp'];

/** A machine without power: no secret is on its disk, apart from the product's and Docker's files. */
export async function proveDiskSilent(host: Host, baseline: Baseline): Promise<Proof> {
  if (host.machine.power.pid !== null) throw new Error(`${host.id} is on`);
  let looked = Number.parseInt(await provesSilence(host, baseline), 10);
  for (const folder of ordinaryFolders) {
    looked += await silentBelow(join(rootOf(host.machine), folder), baseline.secrets);
  }
  return `no secret on the disk of ${host.id} after the power cut: ${looked} files read`;
}

async function provesSilence(host: Host, baseline: Baseline): Promise<string> {
  const secrets = [...baseline.secrets, (await credentialsOf(host)).password];
  const folder = join(rootOf(host.machine), host.dataDirectory, 'plan-recovery');
  return `${await silentBelow(folder, secrets)} files read`;
}

/** How many files were read. */
async function silentBelow(folder: string, secrets: readonly string[]): Promise<number> {
  const paths = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  let looked = 0;
  for (const entry of paths) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isFile() || productOwned.test(path.slice(folder.length))) continue;
    const text = await readFile(path, 'utf8');
    if (secrets.some((secret) => text.includes(secret))) throw new Error(`a secret in ${path}`);
    looked += 1;
  }
  return looked;
}

/**
 * The loss that phase 1 stated before anything was changed is the loss measured now: what was
 * acknowledged up to the stated revision is there, and what came after it is gone.
 */
export function proveLoss(operator: Operator, baseline: Baseline, expected: Expectation): Proof {
  const phase = operator.runs.find(({ path }) => path === turnOfPhase(operator.bundle, 1).path);
  const stated = phase?.output
    .split('\n')
    .filter((line) => /loss: .*/.test(line))
    .find((line) => /revision \d+/.test(line));
  if (stated === undefined) throw new Error('phase 1 stated no loss');
  const text = stated.slice(stated.indexOf('  ') + 2);
  const revision = Number(/revision (\d+)/.exec(text)?.[1] ?? Number.NaN);
  const lost = expected.lostKeys?.length ?? 0;
  if (!(revision >= baseline.revision)) {
    throw new Error(`keys written at ${baseline.revision} are there, but stated was: ${text}`);
  }
  if (lost > 0 !== /everything written after/.test(text)) {
    throw new Error(`${lost} acknowledged keys are lost, but stated was: ${text}`);
  }
  return `stated beforehand: ${text.trim()}; measured: ${lost} acknowledged keys lost`;
}

/** Runs every script that has run once more: it must say done and change nothing. */
export async function proveSecondRuns(operator: Operator): Promise<Proof> {
  const paths = [...new Set(operator.runs.map((ran) => ran.path))];
  const firstRuns = [...operator.runs];
  const servers = serversOf(operator.cluster).filter((host) => host.machine.power.pid !== null);
  const watched = servers[0];
  const before = watched === undefined ? '' : JSON.stringify(await membersOf(watched));
  const again: string[] = [];
  for (const path of paths) {
    const ran = await runScript(operator, path, ['--apply']);
    const changes = ran.output.split('\n').filter((line) => / {2}run: /.test(line));
    if (changes.length > 0) again.push(`${path} changes again: ${changes.join('; ')}`);
  }
  const after = watched === undefined ? '' : JSON.stringify(await membersOf(watched));
  operator.runs.splice(0, operator.runs.length, ...firstRuns);
  if (before !== after) again.push(`members changed: ${after}`);
  if (again.length > 0) throw new Error(`second run:\n${again.join('\n')}`);
  return `second run of ${paths.length} scripts: done already, nothing changed`;
}

/** No secret in any program's arguments, nor in what the scripts said. */
export function proveNoSecretShown(
  operator: Operator,
  baseline: Baseline,
  recording: Recording,
): Proof {
  const shown = linesWith(recording, baseline.secrets);
  if (shown.length > 0) throw new Error(`a secret in arguments: ${shown[0]?.slice(0, 200)}`);
  for (const ran of operator.runs) {
    if (baseline.secrets.some((secret) => ran.output.includes(secret))) {
      throw new Error(`${ran.path} printed a secret`);
    }
  }
  if (recording.lost > 0) throw new Error(`${recording.lost} program starts were not reported`);
  const { execs, read } = recording;
  return `no secret in the arguments of ${read} program starts (of ${execs} reported)`;
}

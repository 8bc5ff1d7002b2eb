// Facts of several sources -> the value of an inventory. What none says, or two say differently, stands
// as an open question.

import { compareIds } from '../hosts.ts';
import { shellWord } from '../inventory/kind.ts';
import { howToAnswer, openQuestion } from '../inventory/question.ts';
import { type Facts, type HostFacts, isOpen, type Learned } from './facts.ts';

/** What the person who runs it says. */
export interface Given {
  readonly cluster: string | null;
  /** Such as `plan init 0.1.0`. */
  readonly writtenBy: string;
}

/** The inventory, as JSON. */
export function inventoryFrom(
  sources: readonly Facts[],
  given: Given,
): { readonly hosts: readonly unknown[] } & Readonly<Record<string, unknown>> {
  const hosts = hostsOf(sources);
  const wanted = ['caCert', 'clientCert', 'clientKey'] as const;
  const scheme = agreed(sources, ({ scheme }) => scheme, {
    ask: 'is the API reached by "http" or by "https"?',
  });
  const certificates = wanted.map((key) => [
    key,
    agreed(sources, (source) => source.certificates?.[key], {
      ask: `${certificateWords[key]} on every host; on a Swarm manager: docker service inspect STACK_HOST (PGEDGE_HTTP__* in Env)`,
    }),
  ]);
  const socket = agreed(sources, ({ dockerSocket }) => dockerSocket, null);
  return {
    $schema: './inventory.schema.json',
    cluster: given.cluster ?? clusterName(sources),
    notes: notesOf(sources, hosts, given),
    swarm: {
      stack: agreed(sources, ({ stack }) => stack, {
        ask: 'on a Swarm manager: docker service ls (what is before the "_" of these services)',
      }),
      ...(socket === null ? {} : { dockerSocket: socket }),
    },
    api: { scheme, ...(scheme === 'https' ? Object.fromEntries(certificates) : {}) },
    hosts: hosts.map(({ all }) => hostFrom(all)),
  };
}

const certificateWords = {
  caCert: 'the path of the CA certificate of the API',
  clientCert: 'the path of the client certificate',
  clientKey: 'the path of the key of the client certificate',
} as const;

/** What one host is called, and what each source says about it. */
interface Merged {
  readonly id: string | null;
  readonly all: readonly (HostFacts & { readonly source: string })[];
}

/** The hosts of the cluster if a source lists them, else those of the stack; in the order of ids. */
function hostsOf(sources: readonly Facts[]): readonly Merged[] {
  const all = sources.flatMap(({ source, authority, hosts }) =>
    hosts.map((host) => ({ ...host, source, authority })),
  );
  const authority = all.some((host) => host.authority === 'cluster') ? 'cluster' : 'stack';
  const ids = new Set(
    all.flatMap((host) => (host.authority === authority && !isOpen(host.id) ? [host.id] : [])),
  );
  const named = [...ids]
    .sort(compareIds)
    .map((id) => ({ id, all: all.filter((host) => host.id === id) }));
  const nameless = all.filter((host) => host.authority === authority && isOpen(host.id));
  return [...named, ...nameless.map((host) => ({ id: null, all: [host] }))];
}

function hostFrom(all: Merged['all']): unknown {
  const [first] = all as readonly [Merged['all'][0]];
  const id = isOpen(first.id) ? null : first.id;
  const key = all.find(({ serviceKey }) => serviceKey !== undefined)?.serviceKey;
  const here = id ?? `the host of ${key}`;
  const node = all.find((host) => host.node !== undefined)?.node;
  const directory = agreed(all, ({ dataDirectory }) => dataDirectory, {
    ask: `on a Swarm manager: docker service inspect ${shellWord(`STACK_${key ?? id}`)} (PGEDGE_DATA_DIR in Env)`,
  });
  const addresses = agreed(all, (host) => host.addresses, {
    ask:
      node === undefined
        ? `on ${here}: hostname -I (those by which other hosts reach it, the one of the certificate first)`
        : `on a Swarm manager: docker node inspect --format '{{.Status.Addr}}' ${shellWord(node)}`,
  });
  const known = howToAnswer(directory) === null ? directory : 'DATA_DIRECTORY';
  const remarks = all.flatMap((host) => host.remarks ?? []);
  const port = (of: (host: HostFacts) => Learned<number> | undefined, standard: number) =>
    agreed(all, of, null) ?? standard;
  return {
    id: isOpen(first.id) ? openQuestion(first.id.ask) : first.id,
    addresses: typeof addresses === 'string' ? [addresses] : addresses,
    mode: agreed(all, ({ mode }) => mode, {
      ask: `on ${here}: ls -d ${shellWord(`${known}/etcd/member`)} ("server" if it is there, "client" if it is not)`,
    }),
    dataDirectory: directory,
    ports: {
      api: port((host) => host.apiPort, 3000),
      etcdClient: port((host) => host.etcdClientPort, 2379),
      etcdPeer: port((host) => host.etcdPeerPort, 2380),
    },
    // By default a service is named after the host.
    ...(key === undefined || key === id
      ? {}
      : {
          service: openQuestion(
            `on a Swarm manager: docker service ls (the one that ends in _${key})`,
          ),
        }),
    machineId: openQuestion(
      `on ${here}: cat /etc/machine-id (or null: then only the addresses are checked)`,
    ),
    ...(remarks.length === 0 ? {} : { notes: remarks.join(' ') }),
  };
}

/**
 * The fact on which all sources agree that know it. If two differ, a question that names both; if none
 * knows it, what is to be asked.
 */
function agreed<Source extends { readonly source: string }, Fact, Otherwise>(
  sources: readonly Source[],
  of: (source: Source) => Learned<Fact> | undefined,
  otherwise: Otherwise,
): Fact | string | (Otherwise extends { readonly ask: string } ? never : Otherwise) {
  const said = sources.flatMap((source) => {
    const fact = of(source);
    return fact === undefined ? [] : [{ source: source.source, fact }];
  });
  const facts = said.filter(({ fact }) => !isOpen(fact));
  const different = new Map(facts.map((each) => [JSON.stringify(each.fact), each]));
  if (different.size > 1) {
    const words = [...different].map(([text, { source }]) => `${source} says ${text}`);
    return openQuestion(`${words.join(', ')}: which is right?`);
  }
  const [only] = facts;
  if (only !== undefined) return only.fact as Fact;
  const [open] = said;
  if (open !== undefined && isOpen(open.fact)) return openQuestion(open.fact.ask);
  if (typeof otherwise === 'object' && otherwise !== null && 'ask' in otherwise) {
    return openQuestion(String(otherwise.ask));
  }
  return otherwise as Otherwise extends { readonly ask: string } ? never : Otherwise;
}

/** The id of the cluster, unless it is one that nobody chose. */
function clusterName(sources: readonly Facts[]): string {
  const ids = new Set(sources.flatMap(({ clusterId }) => clusterId ?? []));
  const [id] = ids;
  const chosen =
    id !== undefined &&
    /^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/u.test(id) &&
    !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/u.test(id);
  if (chosen && ids.size === 1) return id;
  return openQuestion('choose a name: at most 40 lower-case letters, digits and hyphens');
}

function notesOf(
  sources: readonly Facts[],
  hosts: readonly Merged[],
  { writtenBy }: Given,
): string {
  const names = sources.map(({ source, version }) => {
    return version === undefined ? source : `${source} (Control Plane ${version})`;
  });
  const notes = [`Written by ${writtenBy} from ${names.join(' and ')}.`];
  const all = hosts.flatMap((host) => host.all);
  if (!all.some((host) => host.etcdClientPort !== undefined)) {
    notes.push('The API does not show the ports of etcd: 2379 and 2380 are the defaults.');
  }
  if (!all.some((host) => host.apiPort !== undefined)) {
    notes.push('The port of the API, 3000, is the default.');
  }
  const members = new Set(hosts.map(({ id }) => id));
  const absent = sources.flatMap((source) =>
    source.hosts.flatMap(({ id }) =>
      isOpen(id) || members.has(id) ? [] : [`${id} of ${source.source}`],
    ),
  );
  if (absent.length > 0) notes.push(`Not in the cluster: ${absent.join(', ')}.`);
  return notes.join('\n');
}

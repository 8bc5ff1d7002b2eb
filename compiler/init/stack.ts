// A stack file of Docker Swarm -> facts about the Control Plane services in it.

import { LineCounter, parseDocument } from 'yaml';
import type { Position } from '../diagnostic.ts';
import { shellWord } from '../inventory/kind.ts';
import { type Certificates, type Facts, type HostFacts, isOpen, type Learned } from './facts.ts';

/** Why a stack file cannot be used, and where. */
export interface StackProblem {
  readonly what: string;
  readonly position: Position | null;
}

type Values = Readonly<Record<string, unknown>>;

/** The facts in a stack file, or its problems. */
export function factsOfStack(text: string, source: string): Facts | readonly StackProblem[] {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { merge: true, lineCounter, prettyErrors: false });
  const broken = document.errors.map(({ message, pos }) => {
    const { line, col } = lineCounter.linePos(pos[0]);
    return { what: `not YAML: ${message}`, position: { line, column: col } };
  });
  if (broken.length > 0) return broken;
  let value: unknown;
  try {
    // Aliases of aliases can grow without end.
    value = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error);
    return [{ what: `not YAML: ${what}`, position: null }];
  }
  const { name, services } = values(value);
  const found = Object.entries(values(services))
    .map(([key, service]) => serviceOf(key, values(service)))
    .filter((service) => service !== null);
  if (found.length === 0) {
    const what = 'no service of it is a Control Plane: none sets PGEDGE_HOST_ID or PGEDGE_DATA_DIR';
    return [{ what, position: null }];
  }
  const socket = common(found.map((service) => service.dockerSocket));
  const scheme = common(found.map((service) => service.scheme));
  const certificates = common(found.map((service) => service.certificates));
  return {
    source,
    authority: 'stack',
    hosts: found.map((service) => service.host),
    ...(typeof name === 'string' ? { stack: name } : {}),
    ...(socket === undefined ? {} : { dockerSocket: socket }),
    ...(scheme === undefined ? {} : { scheme }),
    ...(certificates === undefined ? {} : { certificates }),
  };
}

/** The value that all services have; undefined if they differ or have none. */
function common<Value>(all: readonly (Value | undefined)[]): Value | undefined {
  const texts = new Set(all.map((each) => JSON.stringify(each)));
  return texts.size === 1 ? all[0] : undefined;
}

interface Service {
  readonly host: HostFacts;
  readonly scheme: 'http' | 'https' | undefined;
  readonly certificates: Certificates | undefined;
  readonly dockerSocket: Learned<string> | undefined;
}

function serviceOf(key: string, service: Values): Service | null {
  const environment = environmentOf(service.environment);
  if (!environment.has('PGEDGE_HOST_ID') && !environment.has('PGEDGE_DATA_DIR')) return null;
  const inspect = `on a Swarm manager: docker service inspect ${shellWord(`STACK_${key}`)}`;
  // Settings can also come from a file that is not here; then the defaults need not hold.
  const elsewhere = service.env_file !== undefined || hasConfig(service.command);
  const setting = <Fact>(
    variable: string,
    read: (text: string) => Fact | null,
    standard?: Fact,
  ): Learned<Fact> | undefined => {
    const text = environment.get(variable);
    if (text === undefined) return elsewhere ? undefined : standard;
    const fact = isVariable(text) ? null : read(text.replaceAll('$$', '$'));
    return fact ?? { ask: `${inspect} (${variable} in Env)` };
  };
  const mounts = mountsOf(service.volumes);
  const onHost = (learned: Learned<string> | undefined): Learned<string> | undefined =>
    learned === undefined || isOpen(learned) ? learned : hostPath(learned, mounts, inspect);
  const id = setting('PGEDGE_HOST_ID', asText) ?? { ask: `on the host of ${key}: hostname -s` };
  const peers = setting('PGEDGE_PEER_ADDRESSES', asList) ?? setting('PGEDGE_IPV4_ADDRESS', asList);
  const clients = setting('PGEDGE_CLIENT_ADDRESSES', asList);
  const node = nodeOf(service.deploy);
  const caCert = setting('PGEDGE_HTTP__CA_CERT', asText);
  const path = (variable: string): Learned<string> =>
    onHost(setting(variable, asText)) ?? { ask: `${inspect} (${variable} in Env)` };
  const facts = {
    addresses: joined(peers, clients),
    mode: setting('PGEDGE_ETCD_MODE', asMode, 'server' as const),
    dataDirectory: onHost(setting('PGEDGE_DATA_DIR', asText)),
    apiPort: setting('PGEDGE_HTTP__PORT', asPort, 3000),
    etcdClientPort: setting('PGEDGE_ETCD_SERVER__CLIENT_PORT', asPort, 2379),
    etcdPeerPort: setting('PGEDGE_ETCD_SERVER__PEER_PORT', asPort, 2380),
    node: node ?? undefined,
  };
  return {
    host: { id, serviceKey: key, ...known(facts) },
    scheme: caCert === undefined ? (elsewhere ? undefined : 'http') : 'https',
    certificates:
      caCert === undefined
        ? undefined
        : {
            caCert: path('PGEDGE_HTTP__CA_CERT'),
            clientCert: path('PGEDGE_HTTP__CLIENT_CERT'),
            clientKey: path('PGEDGE_HTTP__CLIENT_KEY'),
          },
    dockerSocket: mounts.find(({ target }) => target === '/var/run/docker.sock')?.source,
  };
}

/** The properties that have a value. */
function known<Facts extends object>(
  facts: Facts,
): { [Key in keyof Facts]?: Exclude<Facts[Key], undefined> } {
  const entries = Object.entries(facts).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [Key in keyof Facts]?: Exclude<Facts[Key], undefined> };
}

/** Peer addresses come first: the first of them is in the certificate. */
function joined(
  peers: Learned<readonly string[]> | undefined,
  clients: Learned<readonly string[]> | undefined,
): Learned<readonly string[]> | undefined {
  if (peers === undefined || isOpen(peers)) return peers;
  return [...new Set([...peers, ...(clients === undefined || isOpen(clients) ? [] : clients)])];
}

/** The variables of a service: a list of NAME=VALUE, or a mapping. */
function environmentOf(given: unknown): ReadonlyMap<string, string> {
  if (Array.isArray(given)) {
    return new Map(
      given.map(String).map((line): [string, string] => {
        const at = line.indexOf('=');
        // Without a value it is that of the shell that deployed the stack.
        return at < 0 ? [line, `\${${line}}`] : [line.slice(0, at), line.slice(at + 1)];
      }),
    );
  }
  return new Map(
    Object.entries(values(given)).map(([name, value]) => {
      return [name, value === null ? `\${${name}}` : String(value)];
    }),
  );
}

/** Whether it is filled in when the stack is deployed. `$$` is a dollar sign. */
function isVariable(text: string): boolean {
  return text.replaceAll('$$', '').includes('$');
}

interface Mount {
  readonly source: Learned<string>;
  readonly target: string;
}

/** What is mounted from the host. */
function mountsOf(given: unknown): readonly Mount[] {
  return (Array.isArray(given) ? given : []).flatMap((volume: unknown): readonly Mount[] => {
    const { type, source, target } = values(volume);
    if (type === 'bind' && typeof source === 'string' && typeof target === 'string') {
      return [{ source, target }];
    }
    const [from = '', to = ''] = typeof volume === 'string' ? volume.split(':') : [];
    return from.startsWith('/') && to.startsWith('/') ? [{ source: from, target: to }] : [];
  });
}

/** The path on the host of a path in the container. */
function hostPath(path: string, mounts: readonly Mount[], inspect: string): Learned<string> {
  const inside = ({ target }: Mount) => path === target || path.startsWith(`${target}/`);
  const mount = mounts.filter(inside).sort((a, b) => b.target.length - a.target.length)[0];
  if (mount === undefined || isOpen(mount.source) || isVariable(mount.source)) {
    return { ask: `${inspect} (the host's path of ${path} in Mounts)` };
  }
  return mount.source + path.slice(mount.target.length);
}

/** The Swarm node that a service is bound to, or null. */
function nodeOf(deploy: unknown): string | null {
  const { constraints } = values(values(deploy).placement);
  for (const constraint of Array.isArray(constraints) ? constraints : []) {
    const [, node] = /^\s*node\.id\s*==\s*([a-z0-9]+)\s*$/u.exec(String(constraint)) ?? [];
    if (node !== undefined) return node;
  }
  return null;
}

function hasConfig(command: unknown): boolean {
  const words = Array.isArray(command) ? command.map(String) : String(command ?? '').split(/\s+/u);
  return words.some((word) => /^(-c|--config|--config-path)(=|$)/u.test(word));
}

function asText(text: string): string | null {
  return text === '' ? null : text;
}

function asList(text: string): readonly string[] | null {
  const items = text.split(',').map((item) => item.trim());
  return items.every((item) => item !== '') ? items : null;
}

function asMode(text: string): 'server' | 'client' | null {
  return text === 'server' || text === 'client' ? text : null;
}

function asPort(text: string): number | null {
  return /^[0-9]{1,5}$/u.test(text) ? Number(text) : null;
}

function values(value: unknown): Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}

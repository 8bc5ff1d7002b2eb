// The Control Plane API -> facts. It is only asked with GET, within a limit, and never through a proxy.

import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { Facts } from './facts.ts';
import { factsOfHosts } from './hosts.ts';

/** How the API is reached. */
export interface Access {
  readonly url: URL;
  /** Texts in PEM; only for https. */
  readonly certificates: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  /** Limit of each request, in milliseconds. */
  readonly limit: number;
}

/** Why the API is of no use now, and what to do. */
export interface ApiProblem {
  readonly what: string;
  readonly why: string;
  readonly remedy: string;
}

const mostBytes = 16 * 1024 * 1024;

/** The facts that the API knows, or why there are none. */
export async function factsOfApi(access: Access): Promise<Facts | ApiProblem> {
  const answer = await get(access, '/v1/hosts');
  if ('what' in answer) return answer;
  const source = access.url.origin;
  const facts = answer.value === undefined ? 'it is not JSON' : factsOfHosts(answer.value, source);
  if (typeof facts === 'string') {
    return {
      what: `the answer of ${source}/v1/hosts cannot be used: ${facts}`,
      why: 'The hosts of the cluster are not known without it.',
      remedy: 'Check that this is the address of a Control Plane API.',
    };
  }
  // Less important: without these answers there is a question more.
  const [cluster, version] = await Promise.all([
    get(access, '/v1/cluster'),
    get(access, '/v1/version'),
  ]);
  const clusterId = field(cluster, 'id');
  const release = field(version, 'version');
  const port =
    access.url.port === ''
      ? access.url.protocol === 'https:'
        ? 443
        : 80
      : Number(access.url.port);
  return {
    ...facts,
    scheme: access.url.protocol === 'https:' ? 'https' : 'http',
    hosts: facts.hosts.map((host) => ({ ...host, apiPort: port })),
    ...(clusterId === null ? {} : { clusterId }),
    ...(release === null || release === '(devel)' ? {} : { version: release }),
  };
}

interface Answer {
  /** Undefined if it is not JSON. */
  readonly value: unknown;
}

function field(answer: Answer | ApiProblem, name: string): string | null {
  if (!('value' in answer) || typeof answer.value !== 'object' || answer.value === null)
    return null;
  const value: unknown = Reflect.get(answer.value, name);
  return typeof value === 'string' && value !== '' ? value : null;
}

function get({ url, certificates, limit }: Access, path: string): Promise<Answer | ApiProblem> {
  return new Promise((resolve) => {
    const address = new URL(path, url);
    const secure = url.protocol === 'https:';
    let connected = false;
    const options = {
      method: 'GET',
      headers: { accept: 'application/json' },
      agent: false,
    } as const;
    const asked = secure
      ? requestHttps(address, { ...options, ...certificates })
      : requestHttp(address, options);
    const end = (result: Answer | ApiProblem) => {
      clearTimeout(timer);
      asked.destroy();
      resolve(result);
    };
    const timer = setTimeout(() => end(silent(address, connected, limit)), limit);
    asked.on('socket', (socket) => {
      socket.on(secure ? 'secureConnect' : 'connect', () => {
        connected = true;
      });
    });
    asked.on('error', (error: NodeJS.ErrnoException) =>
      end(unreachable(address, error, certificates)),
    );
    asked.on('response', (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        size += chunk.length;
        if (size > mostBytes) end(refused(address, 'more than 16 MiB'));
      });
      response.on('error', (error) => end(unreachable(address, error, certificates)));
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        if (response.statusCode === 200) end({ value: json(text) });
        else end(refused(address, `status ${response.statusCode}`, text));
      });
    });
    asked.end();
  });
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const another =
  'Ask another host; or use a saved answer of GET /v1/hosts (--from-hosts) or the stack file (--from-stack).';

function silent(address: URL, connected: boolean, limit: number): ApiProblem {
  return {
    what: `${address.href} gave no answer in ${limit / 1000} s${connected ? ', although it accepted the connection' : ''}`,
    why: connected
      ? 'An API without a quorum behaves like this.'
      : 'The host is off, or a firewall drops the packets.',
    remedy: another,
  };
}

function unreachable(
  address: URL,
  error: NodeJS.ErrnoException,
  certificates: Access['certificates'],
): ApiProblem {
  const code = error.code ?? '';
  // What OpenSSL says ends with the place in its own source.
  const [, reason] = /SSL routines:[^:]*:([^:]+):/u.exec(error.message) ?? [];
  const what = `${address.origin} cannot be reached: ${reason ?? (error.message || code)}`;
  if (
    /WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|EPROTO|HTTP_REQUEST/u.test(code) &&
    !/alert/u.test(error.message)
  ) {
    return {
      what,
      why: 'Something else than TLS answers there.',
      remedy: 'If the API has no certificates, use http:// instead of https://.',
    };
  }
  if (
    /CERTIFICATE_REQUIRED|certificate required|HANDSHAKE_FAILURE|handshake failure/iu.test(
      code + error.message,
    )
  ) {
    return {
      what,
      why:
        certificates.cert === undefined
          ? 'The API accepts only clients that have a certificate.'
          : 'The API does not accept this client certificate.',
      remedy:
        'Give a client certificate that the CA of the API has signed: --cert FILE --key FILE.',
    };
  }
  if (/CERT|SELF_SIGNED|ISSUER|ALTNAME/u.test(code)) {
    return {
      what,
      why: 'Only an API whose certificate is valid for this address can be trusted.',
      remedy:
        'Give the CA certificate of the API (--cacert FILE), and use an address that is in the certificate.',
    };
  }
  return {
    what,
    why: 'Nothing answers at this address, or the connection broke.',
    remedy: another,
  };
}

function refused(address: URL, status: string, text = ''): ApiProblem {
  const value = json(text);
  const message = field({ value }, 'message') ?? firstLine(text);
  const what = `${address.href}: ${status}${message === '' ? '' : `: ${message}`}`;
  if (field({ value }, 'name') === 'cluster_not_initialized') {
    return {
      what,
      why: 'This host has not joined the cluster, so it does not know the others.',
      remedy: 'Ask a host that has joined.',
    };
  }
  if (/HTTP request to an HTTPS server/u.test(text)) {
    return {
      what,
      why: 'The API uses TLS.',
      remedy: 'Use https:// with --cacert, --cert and --key.',
    };
  }
  return {
    what,
    why: 'The API did not give the list of hosts.',
    remedy: 'Check that this is the address of a Control Plane API, such as http://host-1:3000.',
  };
}

function firstLine(text: string): string {
  return (text.trim().split('\n')[0] ?? '').slice(0, 200);
}

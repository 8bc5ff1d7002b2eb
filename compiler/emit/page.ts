// Step -> the commands it runs, as lines of the page: what a reviewer reads and look mode prints.

import type { Host } from '../hosts.ts';
import { apiUrl, clientUrl, peerUrl, tokenOf } from '../plan/addresses.ts';
import type { Plan, Step } from '../plan/ir.ts';
import { callOf } from '../steps/all.ts';
import { render, type Templates } from './templates.ts';

/** What every page may say of the plan and of this host. */
type PageContext = ReturnType<typeof pageContext>;

/** The values that pages may name, for the scripts of a host. URLs and paths are complete. */
export function pageContext(plan: Plan, host: Host, recovery: Host) {
  const { api } = plan.cluster;
  const token = tokenOf(plan);
  const certificates = `${host.dataDirectory}/certificates`;
  return {
    plan: { token, mark: `plan.recovery=${token}` },
    here: {
      host: host.id,
      dir: host.dataDirectory,
      etcd: `${host.dataDirectory}/etcd`,
      restoring: `${host.dataDirectory}/etcd.restoring-${plan.name}-`,
      config: `${host.dataDirectory}/generated.config.json`,
      certificates,
      ca: `${certificates}/ca.crt`,
      serverCert: `${certificates}/etcd-server.crt`,
      serverKey: `${certificates}/etcd-server.key`,
      userCert: `${certificates}/etcd-user.crt`,
      userKey: `${certificates}/etcd-user.key`,
      clientUrl: clientUrl(host),
      peerUrl: peerUrl(host),
      member: `${host.id}=${peerUrl(host)}`,
      service: host.service,
      serviceAt1: `${host.service}=1`,
    },
    recovery: {
      databases: `${apiUrl(api, recovery)}/v1/databases/`,
      endpoint: clientUrl(recovery),
      hosts: `${apiUrl(api, recovery)}/v1/hosts/`,
    },
  };
}

/** A command of a step, or a remark about those that follow. */
export interface PageLine {
  /** `$` runs on the expected way, `?` only if needed, `#` is a remark. */
  readonly mark: string;
  readonly words: readonly string[];
}

/** The commands of a step, in order; none for a step that changes nothing. */
export function commandsOf(
  step: Step,
  context: PageContext,
  templates: Templates,
): readonly PageLine[] {
  const template = templates.pages[step.kind];
  if (template === undefined) return [];
  const p = step.params as Readonly<Record<string, unknown>>;
  const services = Array.isArray(p.services) ? (p.services as readonly string[]) : [];
  const view = {
    ...context,
    p,
    args: callOf(step).args,
    at0: services.map((service) => `${service}=0`),
    at1: services.map((service) => `${service}=1`),
    serviceAt1: `${p.service}=1`,
    removalUrl: `${context.recovery.hosts}${p.target}`,
    joinUrl: `${p.api}/v1/cluster/join`,
    seconds: String(p.seconds),
    freshest: p.source === 'freshest' && p.path !== null,
    startsRecovery: p.role === 'recovery-host',
  };
  return render(template, view)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [mark = '', ...words] = tokens(line);
      return { mark, words };
    });
}

/** The commands of a step as comment lines of at most `width` columns. */
export function commandLines(
  step: Step,
  context: PageContext,
  templates: Templates,
  width: number,
): readonly string[] {
  return commandsOf(step, context, templates).flatMap(({ mark, words }) =>
    mark === '#' ? [`# ${words.join(' ')}`] : wrapped(mark, words, width),
  );
}

/** The words of a command line; quoted ones stay one word, with their quotes. */
function tokens(line: string): readonly string[] {
  return line.match(/(?:'[^']*'|"[^"]*"|\\.|[^\s'"\\])+/gu) ?? [];
}

/** Whether a word is a long option, quoted or not. */
function isOption(word: string): boolean {
  return /^'?--[a-z]/u.test(word);
}

/** A command in lines: an option and its value stay together. */
function wrapped(mark: string, words: readonly string[], width: number): readonly string[] {
  const groups: string[] = [];
  for (const [at, word] of words.entries()) {
    const value = isOption(words[at - 1] ?? '') && !isOption(word);
    if (value) groups.push(`${groups.pop()} ${word}`);
    else groups.push(word);
  }
  const lines: string[] = [];
  let line = `# ${mark}`;
  for (const word of groups) {
    if (line.length + 1 + word.length + 2 > width && line.length > 8) {
      lines.push(`${line} \\`);
      line = `#     ${word}`;
    } else {
      line = `${line} ${word}`;
    }
  }
  return [...lines, line];
}

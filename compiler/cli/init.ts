// `plan init`: an inventory that nobody has to type.

import { Command } from 'commander';
import { visible } from '../characters.ts';
import type { Access } from '../init/api.ts';
import type { Written } from '../init/init.ts';
import { shellWord } from '../inventory/kind.ts';
import { version } from '../version.ts';
import { describe } from './help.ts';
import { count, type OutputOptions, outputOptions, print, report, usage } from './output.ts';
import { progressLine } from './progress.ts';

interface InitOptions extends OutputOptions {
  readonly from?: string;
  readonly fromHosts?: string;
  readonly fromStack?: string;
  readonly cacert?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly cluster?: string;
  readonly out: string;
}

/** A host that is up answers in milliseconds. */
const limit = 10_000;

/** `plan init` */
export function initCommand(): Command {
  const command = new Command('init')
    .description('Write an inventory from a running cluster, a saved answer or a stack file.')
    .option('--from <url>', 'address of a Control Plane API, which is asked with GET only')
    .option('--from-hosts <file>', 'saved answer of GET /v1/hosts')
    .option('--from-stack <file>', 'stack file of the Control Plane')
    .option('--cacert <file>', 'CA certificate of the API, for https')
    .option('--cert <file>', 'client certificate, for https')
    .option('--key <file>', 'key of the client certificate, for https')
    .option('--cluster <name>', 'name of the cluster (default: its id, if a person chose it)')
    .option('--out <file>', 'write the inventory to this file', 'inventory.json');
  return describe(outputOptions(command).action(run), {
    examples: [
      [
        'plan init --from http://host-1:3000 --from-stack stack.yaml',
        'ask the API, and read more from the stack file',
      ],
      [
        'plan init --from https://host-1:3000 --cacert ca.crt --cert client.crt --key client.key',
        'an API with certificates',
      ],
      [
        'curl --fail http://host-1:3000/v1/hosts >hosts.json',
        'on a host that reaches the API; then here:',
      ],
      ['plan init --from-hosts hosts.json', 'without a connection to the cluster'],
    ],
    exits: { 0: 'written', 1: 'problems found in what was read or written', 2: 'could not run' },
    remark:
      'It never overwrites a file. What it cannot learn stands in the inventory as a question that ' +
      'begins with "??", and "plan compile" asks for it.',
  });
}

async function run(options: InitOptions, command: Command): Promise<void> {
  const { from, fromHosts = null, fromStack = null, cluster = null, out } = options;
  if (from === undefined && fromHosts === null && fromStack === null) {
    usage(command, 'plan init needs at least one of --from, --from-hosts and --from-stack');
  }
  const api = from === undefined ? null : await accessOf(from, options, command);
  if (cluster !== null && !/^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/u.test(cluster)) {
    usage(command, '--cluster takes at most 40 lower-case letters, digits and hyphens');
  }
  const { init } = await import('../init/init.ts');
  const line = progressLine();
  if (api !== null) line.show(`Asking ${api.url.origin}`);
  const request = { api, hostsFile: fromHosts, stackFile: fromStack, cluster, out };
  const found = await init({ ...request, writtenBy: `plan init ${version()}` }).finally(line.clear);
  if ((await report(found, options)) && found.result !== null) print(words(found.result));
}

async function accessOf(from: string, options: InitOptions, command: Command): Promise<Access> {
  const url = URL.canParse(from) ? new URL(from) : null;
  if (url === null || !/^https?:$/u.test(url.protocol)) {
    usage(command, `--from takes an address such as http://host-1:3000, not "${from}"`);
  }
  if (url.username !== '' || url.search !== '' || !/^\/(v1(\/hosts)?\/?)?$/u.test(url.pathname)) {
    usage(command, `--from takes the address alone, such as ${url.protocol}//${url.host}`);
  }
  const { cacert, cert, key } = options;
  if (url.protocol === 'http:' && [cacert, cert, key].some((file) => file !== undefined)) {
    usage(command, 'certificates are for an address that begins with https://');
  }
  if ((cert === undefined) !== (key === undefined)) {
    usage(command, '--cert and --key belong together');
  }
  const [ca, certificate, secret] = await Promise.all(
    [cacert, cert, key].map((file) => (file === undefined ? undefined : pem(file, command))),
  );
  return {
    url,
    limit,
    certificates: {
      ...(ca === undefined ? {} : { ca }),
      ...(certificate === undefined ? {} : { cert: certificate }),
      ...(secret === undefined ? {} : { key: secret }),
    },
  };
}

async function pem(file: string, command: Command): Promise<string> {
  const { readInput } = await import('../bundle/text.ts');
  const text = await readInput(file);
  if (typeof text !== 'string') usage(command, text.what);
  if (text.includes('-----BEGIN ')) return text;
  return usage(command, `${file} is not in PEM (it has no line -----BEGIN ...-----)`);
}

function words({ file, schema, hosts, questions }: Written): string {
  const lines = [
    `${file}: written, ${count(hosts, 'host')}, ${count(questions.length, 'open question')}`,
    ...(schema === null ? [] : [`${schema}: written, for editors`]),
    ...questions.map(({ line, column, what, remedy }) => {
      return `  ${file}:${line}:${column}: ${what.replace(/ is not answered yet$/u, '')}: ${remedy.replace(/^Answer it: /u, '')}`;
    }),
  ];
  const next = `plan compile ${shellWord(file)}`;
  lines.push(questions.length === 0 ? `Next: ${next}` : `Answer the questions, then: ${next}`);
  // Parts of it come from the cluster.
  return `${lines.map(visible).join('\n')}\n`;
}

// Plan -> triage.sh, which only looks. It depends on the cluster alone, not on the recovery host: the
// same bytes in every folder of a bundle.

import { apiTls } from '../plan/addresses.ts';
import type { Plan } from '../plan/ir.ts';
import { executionOrder, hostOf } from '../plan/order.ts';
import { type Piece, reached } from './pieces.ts';
import { type EmittedFile, toolsOfTurn } from './script.ts';
import { render, type Templates } from './templates.ts';
import { toolsView } from './tool-list.ts';

/** What triage.sh knows of its host only when it runs. Settings that read it come after that. */
const valuesOfHost = [
  ...['HOST', 'HOST_ADDRESSES', 'API_PORT', 'CLIENT_PORT', 'PEER_PORT', 'SERVICE', 'DATA_DIR'],
];

/** triage.sh of a plan. The same cluster gives the same bytes. */
export function emitTriage(plan: Plan, templates: Templates): EmittedFile {
  const { cluster, recovery } = plan;
  const { hosts, api } = cluster;
  const view = {
    cluster: cluster.name,
    inventory: plan.inventory,
    dockerSocket: cluster.dockerSocket,
    scheme: api.scheme,
    tls: apiTls(api),
    ...toolsView(plan, 'triage.sh'),
    snapshot: recovery.snapshot.path ?? '',
    environment: templates.environment,
    compare: templates.compare.trimEnd(),
    serverTools: filled(toolsOn(plan, 'server', templates)),
    clientTools: filled(toolsOn(plan, 'client', templates)),
    hosts: hosts.map(({ id, addresses, mode, ports, service, dataDirectory }) => ({
      id,
      addresses: addresses.join(' '),
      row: [id, mode, ports.api, ports.etcdClient, ports.etcdPeer, service, dataDirectory].join(
        ' ',
      ),
    })),
    machines: hosts.flatMap(({ id, machineId: machine }) =>
      machine === null ? [] : [{ id, machine }],
    ),
    functions: '',
    settings: '',
  };
  const page = render(templates.triage, view);
  const pieces = reached([page], [...templates.pieces, ...templates.triagePieces]);
  const late = lateSettings(pieces);
  const text = render(templates.triage, {
    ...view,
    functions: pieces
      .filter((piece) => !late.includes(piece))
      .map((piece) => piece.text)
      .join('\n\n'),
    settings: late.map((piece) => indented(piece.text)).join('\n\n'),
  });
  return { path: 'triage.sh', mode: 0o755, text };
}

/** The settings that read a value of the host, or another setting that does. */
function lateSettings(pieces: readonly Piece[]): readonly Piece[] {
  const late: Piece[] = [];
  const names = new Set(valuesOfHost);
  for (const piece of pieces.filter(({ kind }) => kind === 'settings')) {
    const read = [...piece.text.matchAll(/\$\{([A-Z_]+)/gu)].map(([, name = '']) => name);
    if (!read.some((name) => names.has(name))) continue;
    late.push(piece);
    for (const name of piece.names) names.add(name);
  }
  return late;
}

function indented(text: string): string {
  return text.replace(/^(?=.)/gmu, '  ');
}

/** The commands that the expected scripts need on hosts of that mode. */
function toolsOn(plan: Plan, mode: 'server' | 'client', templates: Templates): readonly string[] {
  const turns = executionOrder(plan).filter(({ host }) => hostOf(plan, host).mode === mode);
  return [...new Set(turns.flatMap((turn) => toolsOfTurn(plan, turn, templates)))].sort();
}

/** The items of a list, in lines of at most 100 columns. */
function filled(items: readonly string[]) {
  let column = 25;
  return items.map((text, index) => {
    const length = text.length + 3;
    const fits = column + length <= 100;
    column = fits ? column + length : length + 1;
    return { before: index === 0 ? '' : fits ? ' ' : '\n  ', text };
  });
}

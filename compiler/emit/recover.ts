// Plan -> recover.sh, which knows the order of the scripts and runs the next one of its host.

import { apiTls, apiUrl } from '../plan/addresses.ts';
import type { Plan, Turn } from '../plan/ir.ts';
import { executionOrder, hostOf } from '../plan/order.ts';
import { callOf } from '../steps/all.ts';
import { reached } from './pieces.ts';
import type { EmittedFile } from './script.ts';
import { render, type Templates } from './templates.ts';
import { toolsView } from './tool-list.ts';

/** recover.sh of a plan. The same plan gives the same bytes. */
export function emitRecover(plan: Plan, templates: Templates): EmittedFile {
  const { cluster, recovery } = plan;
  const order = executionOrder(plan);
  const expected = order.filter(({ when }) => when === 'always');
  const ifNeeded = order.filter(({ when }) => when !== 'always');
  const view = {
    plan: plan.name,
    cluster: cluster.name,
    recovery: recovery.host,
    api: apiUrl(cluster.api, hostOf(plan, recovery.host)),
    tls: apiTls(cluster.api),
    ...toolsView(plan, 'recover.sh'),
    environment: templates.environment,
    scripts: expected.map((turn) => `${turn.path} ${turn.host} ${shownBy(turn)}`),
    options: expected
      .map((turn) => ({ script: turn.path, options: optionsOf(turn).join(' ') }))
      .filter(({ options }) => options !== ''),
    hosts: cluster.hosts.map(({ id, addresses }) => ({ id, addresses: addresses.join(' ') })),
    machines: cluster.hosts.flatMap(({ id, machineId: machine }) =>
      machine === null ? [] : [{ id, machine }],
    ),
    removals: ifNeeded
      .filter(({ role }) => role === 'remove')
      .map(({ subject, path }) => ({ host: subject, script: path })),
    functions: '',
  };
  const page = render(templates.recover, view);
  const functions = reached([page], templates.pieces).map(({ text }) => text);
  const text = render(templates.recover, { ...view, functions: functions.join('\n\n') });
  return { path: 'recover.sh', mode: 0o755, text };
}

/** What shows on another host that a script has no work to do: see look_there in the template. */
function shownBy({ role, subject }: Turn): string {
  switch (role) {
    case 'prepare':
    case 'restore':
    case 'rewrite':
    case 'start':
      return 'answers -';
    case 'reattach':
    case 'client':
      return `back ${subject}`;
    case 'join':
    case 'client-join':
      return `joined ${subject}`;
    case 'remove':
      return `removed ${subject}`;
    case 'client-swarm':
    case 'client-clear':
      return `asked ${subject}`;
    default:
      return 'nothing -';
  }
}

function optionsOf(turn: Turn): readonly string[] {
  return [...new Set(turn.steps.flatMap((step) => callOf(step).options))].sort();
}

// Step -> what its script says about it: arguments of the call, commands and options it needs.

import type { Step, StepKind, StepParams } from '../plan/ir.ts';

/** How a step kind appears in a script. `tools` and `options` go beyond what every script has. */
interface Call<K extends StepKind> {
  /** Positional arguments of the step's bash function; lists come last. */
  readonly args: (params: StepParams[K]) => readonly string[];
  readonly tools: readonly string[];
  readonly options: readonly string[];
}

const none = () => [];
const docker = ['docker'];
const etcdctl = ['etcdctl'];
const etcd = ['etcd', 'etcdctl', 'etcdutl'];

const calls: { readonly [K in StepKind]: Call<K> } = {
  'revive-swarm': { args: (p) => [p.address], tools: docker, options: [] },
  'init-swarm': { args: (p) => [p.address], tools: docker, options: [] },
  'deploy-stack': {
    args: (p) => [p.stackFile, p.stack, ...p.services],
    tools: docker,
    options: [],
  },
  'place-service': { args: (p) => [p.service, ...p.addresses], tools: docker, options: [] },
  'stop-services': { args: (p) => p.services, tools: docker, options: [] },
  'stop-container': { args: (p) => [p.service], tools: docker, options: [] },
  'fence-hosts': {
    args: (p) => [
      String(p.quorum),
      ...p.hosts.flatMap((host) => [host.target, host.address, ...portArgs(host.ports)]),
    ],
    tools: [],
    options: ['--fenced'],
  },
  'prove-free': { args: (p) => [p.before], tools: [], options: [] },
  'salvage-snapshot': { args: none, tools: etcd, options: [] },
  'choose-snapshot': {
    args: (p) => [p.source, p.path ?? '', p.sha256 ?? ''],
    tools: etcd,
    options: [],
  },
  'verify-snapshot': { args: none, tools: etcd, options: [] },
  'check-recovery-host': { args: none, tools: [...etcd, 'openssl'], options: [] },
  'set-etcd-aside': { args: none, tools: [], options: [] },
  'restore-snapshot': { args: (p) => p.flags, tools: etcd, options: [] },
  'fix-ownership': { args: (p) => [p.owner], tools: [], options: [] },
  'rewrite-membership': { args: none, tools: etcd, options: [] },
  'token-window': { args: (p) => [String(p.seconds)], tools: etcd, options: [] },
  'start-service': { args: (p) => [p.service, p.target], tools: docker, options: [] },
  'wait-api': { args: none, tools: [], options: [] },
  'check-endpoint': { args: none, tools: etcdctl, options: [] },
  'prove-alone': { args: none, tools: etcdctl, options: [] },
  'show-leftovers': { args: none, tools: etcdctl, options: [] },
  'refresh-clients': {
    args: (p) =>
      p.clients.flatMap((host) => [host.target, host.service, host.address, String(host.port)]),
    tools: docker,
    options: [],
  },
  'state-threshold': {
    args: (p) => [String(p.servers), String(p.threshold)],
    tools: [],
    options: [],
  },
  'check-removable': {
    args: (p) => [p.target, p.address, ...portArgs(p.ports)],
    tools: etcdctl,
    options: ['--also'],
  },
  'save-specs': { args: (p) => [p.target], tools: [], options: [] },
  'update-databases': { args: (p) => [p.target, ...p.together], tools: [], options: ['--also'] },
  'remove-record': { args: (p) => [p.target], tools: etcdctl, options: [] },
  'return-to-swarm': { args: none, tools: docker, options: ['--swarm-token-file'] },
  'enter-swarm': {
    args: (p) => [p.role, p.remote],
    tools: docker,
    options: ['--swarm-token-file'],
  },
  'retire-node': { args: (p) => [p.service], tools: docker, options: [] },
  'check-reattachable': { args: (p) => [p.removal, p.join], tools: etcdctl, options: [] },
  'check-joinable': { args: (p) => [p.removal, p.reattach ?? ''], tools: etcdctl, options: [] },
  'clear-for-reattach': { args: none, tools: [], options: [] },
  'clear-for-join': { args: none, tools: [], options: [] },
  'drop-stale-member': { args: none, tools: etcdctl, options: [] },
  'start-reattached': { args: none, tools: ['docker', 'etcdctl'], options: [] },
  'wait-uninitialised': { args: (p) => [p.api, p.target], tools: [], options: [] },
  'join-cluster': { args: (p) => [p.api, p.target], tools: [], options: [] },
  'prove-voter': { args: (p) => [String(p.threshold)], tools: etcdctl, options: [] },
  'start-client': { args: (p) => [p.target, p.service, p.api], tools: docker, options: [] },
  'prove-client': { args: (p) => [p.target], tools: [], options: [] },
  'restart-clients': {
    args: (p) => p.clients.flatMap((host) => [host.target, host.service]),
    tools: ['docker', 'etcdctl'],
    options: [],
  },
  'restart-host': {
    args: (p) => [p.target, p.service],
    tools: ['docker', 'etcdctl'],
    options: [],
  },
  'restart-all': { args: (p) => p.services, tools: docker, options: [] },
  'verify-hosts': {
    args: (p) => [String(p.servers.length), ...p.servers, ...p.clients],
    tools: [],
    options: [],
  },
  'verify-databases': { args: none, tools: docker, options: [] },
  'verify-members': {
    args: (p) => [String(p.endpoints.length), ...p.endpoints, ...p.servers],
    tools: etcdctl,
    options: [],
  },
  'close-recovery': { args: none, tools: [], options: [] },
  'save-snapshot': { args: none, tools: etcd, options: [] },
  'undo-restore': { args: none, tools: etcdctl, options: [] },
  'undo-clear': { args: none, tools: docker, options: [] },
};

function portArgs(ports: { api: number; etcdClient: number; etcdPeer: number }): string[] {
  return [String(ports.api), String(ports.etcdClient), String(ports.etcdPeer)];
}

/** The bash side of one step: function name, arguments, and what the script must offer. */
export function callOf<K extends StepKind>(
  step: Extract<Step, { kind: K }>,
): {
  readonly name: string;
  readonly args: readonly string[];
  readonly tools: readonly string[];
  readonly options: readonly string[];
} {
  const call: Call<K> = calls[step.kind as K];
  return {
    name: functionName(step.kind),
    args: call.args(step.params as StepParams[K]),
    tools: call.tools,
    options: call.options,
  };
}

/** `stop-services` -> `stop_services`. */
function functionName(kind: StepKind): string {
  return kind.replaceAll('-', '_');
}

/** Every step kind, in the order of the table. */
export const stepKinds = Object.keys(calls) as readonly StepKind[];

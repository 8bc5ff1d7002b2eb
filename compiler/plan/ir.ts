// The plan's types, and nothing else: plain JSON all the way down. Absence is null or a union arm.

/** A sha256 in lower-case hex. */
export type Sha256 = string;
export type HostId = string;
/** An absolute path on a host. */
type AbsPath = string;
/** A section of the guide, such as `6.1b`. */
export type GuideStep = `${PhaseNumber}.${number}${'' | 'a' | 'b' | 'c' | 'd' | 'e' | 'f'}`;
export type PhaseNumber = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;

/** What `plan compile` decides and `plan emit` turns into scripts. Readers refuse another format. */
export interface Plan {
  readonly format: 'plan/1';
  /** `<cluster>-<recovery host>`: names locks, logs and set-aside data on hosts. */
  readonly name: string;
  /** Digest of the inventory as understood (defaults filled, hosts sorted), not of its text. */
  readonly inventory: Sha256;
  readonly cluster: Cluster;
  readonly recovery: Recovery;
  readonly quorum: Quorum;
  /** Always eight, in the guide's order. The order of execution is the order of turn paths. */
  readonly phases: readonly Phase[];
  /** Scripts outside the recovery: snapshots before it, ways back out of it. */
  readonly asides: readonly Turn[];
}

/** The values every script may use. */
export interface Cluster {
  readonly name: string;
  readonly notes: string | null;
  readonly stack: string;
  readonly stackFile: AbsPath | null;
  readonly api: Api;
  /** Server-mode hosts first, then client-mode hosts, each by natural id order. */
  readonly hosts: readonly Host[];
}
export type Api =
  | { readonly scheme: 'http' }
  | {
      readonly scheme: 'https';
      readonly caCert: AbsPath;
      readonly clientCert: AbsPath;
      readonly clientKey: AbsPath;
    };
export type HostState = 'alive' | 'returning' | 'replaced' | 'gone' | 'lost' | null;
export interface Host {
  readonly id: HostId;
  readonly mode: 'server' | 'client';
  readonly addresses: readonly [string, ...string[]];
  readonly dataDirectory: AbsPath;
  readonly ports: { readonly api: number; readonly etcdClient: number; readonly etcdPeer: number };
  readonly service: string;
  readonly machineId: string | null;
  /** Null: not declared, the host itself will show. */
  readonly state: HostState;
  readonly notes: string | null;
}
export interface Recovery {
  readonly host: HostId;
  /** Why this host: `named in the inventory`, or the choice and its reason. */
  readonly because: string;
  readonly snapshot: {
    readonly source: 'freshest' | 'salvage' | 'saved' | 'raw';
    readonly path: AbsPath | null;
    readonly sha256: Sha256 | null;
  };
  readonly revisionBump: number | null;
  readonly rewriteMembership: 'loopback' | 'skip';
  /** Seconds; 0: none. */
  readonly tokenWindow: number;
  readonly rejoin: 'evidence' | 'guide';
  readonly restart: 'rolling' | 'all-at-once' | 'none';
  readonly owner: 'reference' | { readonly user: string; readonly group: string };
  /** Seconds. */
  readonly deadlines: Deadlines;
  readonly toolsDirectory: AbsPath | null;
}
interface Deadlines {
  readonly stop: number;
  readonly swarm: number;
  readonly etcd: number;
  readonly api: number;
  readonly fresh: number;
  readonly task: number;
  readonly join: number;
}

/** Quorum is floor(N/2)+1 of N server-mode hosts. `unknown` only before the incident. */
export interface Quorum {
  readonly servers: readonly HostId[];
  readonly lost: readonly HostId[];
  readonly threshold: number;
  /** Started voters to reach before clients are dealt with: the threshold, or every server host
   * that is left where fewer than that are. */
  readonly target: number;
  readonly verdict: 'lost' | 'unknown';
  /** The arithmetic: `N=5, quorum 3; lost 3, alive 2 < 3: lost`. */
  readonly words: string;
  /** The server-mode host whose return brings the started voters to the target. */
  readonly reachedBy: HostId;
}

export type Phase = {
  readonly number: PhaseNumber;
  readonly slug: string;
  readonly title: string;
} & (
  | { readonly turns: readonly [Turn, ...Turn[]] }
  | { readonly turns: readonly []; readonly because: string }
);

/** One machine acting once without hand-over: exactly one script. */
export interface Turn {
  /** Path in the bundle; paths sort (in bytes) in the order of execution. */
  readonly path: string;
  /** The host it runs on. */
  readonly host: HostId;
  /** The host it is about; often the same. */
  readonly subject: HostId;
  readonly title: string;
  /** always: part of the expected way. if-told: run only when another script or the runbook says
   * so. before: before any incident. undo: a way back. */
  readonly when: 'always' | 'if-told' | 'before' | 'undo';
  readonly reason: string;
  readonly steps: readonly [Step, ...Step[]];
  /** Guide steps this turn leaves out on purpose. */
  readonly omits: readonly { readonly guide: GuideStep; readonly because: string }[];
  /** The last lines a run prints: what comes next, and on which host. */
  readonly next: readonly [string, ...string[]];
}

/** A host whose ports are asked from another one. */
export interface Probed {
  readonly target: HostId;
  readonly address: string;
  readonly ports: Ports;
}

/** A host whose service is started or restarted from another one. */
interface Placed {
  readonly target: HostId;
  readonly service: string;
}

/** What a step kind needs to be told, beyond the values of its script. Keys are file names. */
export interface StepParams {
  // phase 1
  'revive-swarm': { readonly address: string };
  'init-swarm': { readonly address: string };
  'deploy-stack': {
    readonly stackFile: AbsPath;
    readonly stack: string;
    readonly services: readonly string[];
  };
  /** On the node that has one of the addresses; without any, on the machine the script runs on. */
  'place-service': { readonly service: string; readonly addresses: readonly string[] };
  'stop-services': { readonly services: readonly string[] };
  'stop-container': { readonly service: string };
  /** `quorum` is that of the lost cluster. */
  'fence-hosts': { readonly quorum: number; readonly hosts: readonly Probed[] };
  'prove-free': { readonly before: 'restore' | 'rewrite' };
  'salvage-snapshot': Record<string, never>;
  'choose-snapshot': {
    readonly source: 'freshest' | 'salvage' | 'saved' | 'raw';
    readonly path: AbsPath | null;
    readonly sha256: Sha256 | null;
  };
  'verify-snapshot': Record<string, never>;
  // phase 2
  'check-recovery-host': Record<string, never>;
  'set-etcd-aside': Record<string, never>;
  'restore-snapshot': { readonly flags: readonly string[] };
  'fix-ownership': { readonly owner: 'reference' | string };
  // phase 3
  'rewrite-membership': Record<string, never>;
  'token-window': { readonly seconds: number };
  // phase 4
  'start-service': Placed;
  'wait-api': Record<string, never>;
  'check-endpoint': Record<string, never>;
  'prove-alone': Record<string, never>;
  'show-leftovers': Record<string, never>;
  'refresh-clients': {
    readonly clients: readonly (Placed & { readonly address: string; readonly port: number })[];
  };
  // phase 5
  'state-threshold': { readonly servers: number; readonly threshold: number };
  'check-removable': Probed;
  'save-specs': { readonly target: HostId };
  'update-databases': { readonly target: HostId; readonly together: readonly HostId[] };
  'remove-record': { readonly target: HostId };
  // phase 6
  'return-to-swarm': Record<string, never>;
  'enter-swarm': { readonly role: 'manager' | 'worker'; readonly remote: string };
  'retire-node': { readonly service: string };
  'check-reattachable': { readonly removal: string; readonly join: string };
  'check-joinable': { readonly removal: string; readonly reattach: string | null };
  'clear-for-reattach': Record<string, never>;
  'clear-for-join': Record<string, never>;
  'drop-stale-member': Record<string, never>;
  'start-reattached': Record<string, never>;
  'wait-uninitialised': { readonly api: string; readonly target: HostId };
  'join-cluster': { readonly api: string; readonly target: HostId };
  'prove-voter': { readonly threshold: number };
  // phase 7
  'start-client': Placed & { readonly api: string };
  'prove-client': { readonly target: HostId };
  // phase 8
  'restart-clients': { readonly clients: readonly Placed[] };
  'restart-host': Placed;
  'restart-all': { readonly services: readonly string[] };
  'verify-hosts': { readonly servers: readonly HostId[]; readonly clients: readonly HostId[] };
  'verify-databases': Record<string, never>;
  'verify-members': { readonly endpoints: readonly string[]; readonly servers: readonly HostId[] };
  'close-recovery': Record<string, never>;
  // asides
  'save-snapshot': Record<string, never>;
  'undo-restore': Record<string, never>;
  'undo-clear': Record<string, never>;
}
interface Ports {
  readonly api: number;
  readonly etcdClient: number;
  readonly etcdPeer: number;
}
export type StepKind = keyof StepParams;

export interface StepOf<K extends StepKind> {
  readonly kind: K;
  readonly guide: GuideStep;
  readonly title: string;
  readonly reason: string;
  readonly effect: 'observes' | 'changes' | 'destroys';
  readonly needs: readonly Fact[];
  readonly yields: readonly Fact[];
  readonly params: StepParams[K];
}
export type Step = { readonly [K in StepKind]: StepOf<K> }[StepKind];

/** What the world must show before a step, or shows after it. */
export type Fact =
  | { readonly fact: HostFact; readonly host: HostId }
  | { readonly fact: ClusterFact };
export type HostFact =
  | 'fenced'
  | 'service-stopped'
  | 'state-set-aside'
  | 'record-removed'
  | 'in-swarm'
  | 'uninitialised'
  | 'member-back'
  | 'client-back';
export type ClusterFact =
  | 'swarm-leader'
  | 'services-stopped'
  | 'snapshot-chosen'
  | 'snapshot-verified'
  | 'recovery-host-checked'
  | 'etcd-set-aside'
  | 'etcd-restored'
  | 'membership-rewritten'
  | 'recovery-host-started'
  | 'api-answers'
  | 'quorum-reached'
  | 'hosts-verified'
  | 'closed';

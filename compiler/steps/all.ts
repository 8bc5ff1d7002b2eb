// Every kind of step: the one registry, from which the types and the plan reader are inferred.

import type { HostId } from '../hosts.ts';
import { checkEndpoint } from './check-endpoint.ts';
import { checkJoinable } from './check-joinable.ts';
import { checkReattachable } from './check-reattachable.ts';
import { checkRecoveryHost } from './check-recovery-host.ts';
import { checkRemovable } from './check-removable.ts';
import { chooseSnapshot } from './choose-snapshot.ts';
import { clearForJoin } from './clear-for-join.ts';
import { clearForReattach } from './clear-for-reattach.ts';
import { closeRecovery } from './close-recovery.ts';
import type { Lasting, StepDefinition } from './define.ts';
import { deployStack } from './deploy-stack.ts';
import { dropStaleMember } from './drop-stale-member.ts';
import { enterSwarm } from './enter-swarm.ts';
import type { Fact } from './facts.ts';
import { fenceHosts } from './fence-hosts.ts';
import { fixOwnership } from './fix-ownership.ts';
import { initSwarm } from './init-swarm.ts';
import { joinCluster } from './join-cluster.ts';
import { placeEtcd } from './place-etcd.ts';
import { placeService } from './place-service.ts';
import { proveAlone } from './prove-alone.ts';
import { proveClient } from './prove-client.ts';
import { proveFree } from './prove-free.ts';
import { proveVoter } from './prove-voter.ts';
import { refreshClients } from './refresh-clients.ts';
import { removeRecord } from './remove-record.ts';
import { restartAll } from './restart-all.ts';
import { restartClients } from './restart-clients.ts';
import { restartHost } from './restart-host.ts';
import { restoreSnapshot } from './restore-snapshot.ts';
import { retireNode } from './retire-node.ts';
import { returnToSwarm } from './return-to-swarm.ts';
import { reviveSwarm } from './revive-swarm.ts';
import { rewriteMembership } from './rewrite-membership.ts';
import { salvageSnapshot } from './salvage-snapshot.ts';
import { saveSnapshot } from './save-snapshot.ts';
import { saveSpecs } from './save-specs.ts';
import { setEtcdAside } from './set-etcd-aside.ts';
import { showLeftovers } from './show-leftovers.ts';
import { startClient } from './start-client.ts';
import { startReattached } from './start-reattached.ts';
import { startService } from './start-service.ts';
import { stateThreshold } from './state-threshold.ts';
import { stopContainer } from './stop-container.ts';
import { stopServices } from './stop-services.ts';
import { tokenWindow } from './token-window.ts';
import { undoClear } from './undo-clear.ts';
import { undoRestore } from './undo-restore.ts';
import { updateDatabases } from './update-databases.ts';
import { verifyDatabases } from './verify-databases.ts';
import { verifyHosts } from './verify-hosts.ts';
import { verifyMembers } from './verify-members.ts';
import { verifySnapshot } from './verify-snapshot.ts';
import { waitApi } from './wait-api.ts';
import { waitUninitialised } from './wait-uninitialised.ts';

// In the order of the alphabet; `npm run new-step` adds a line here and one above.
const definitions = {
  'check-endpoint': checkEndpoint,
  'check-joinable': checkJoinable,
  'check-reattachable': checkReattachable,
  'check-recovery-host': checkRecoveryHost,
  'check-removable': checkRemovable,
  'choose-snapshot': chooseSnapshot,
  'clear-for-join': clearForJoin,
  'clear-for-reattach': clearForReattach,
  'close-recovery': closeRecovery,
  'deploy-stack': deployStack,
  'drop-stale-member': dropStaleMember,
  'enter-swarm': enterSwarm,
  'fence-hosts': fenceHosts,
  'fix-ownership': fixOwnership,
  'init-swarm': initSwarm,
  'join-cluster': joinCluster,
  'place-etcd': placeEtcd,
  'place-service': placeService,
  'prove-alone': proveAlone,
  'prove-client': proveClient,
  'prove-free': proveFree,
  'prove-voter': proveVoter,
  'refresh-clients': refreshClients,
  'remove-record': removeRecord,
  'restart-all': restartAll,
  'restart-clients': restartClients,
  'restart-host': restartHost,
  'restore-snapshot': restoreSnapshot,
  'retire-node': retireNode,
  'return-to-swarm': returnToSwarm,
  'revive-swarm': reviveSwarm,
  'rewrite-membership': rewriteMembership,
  'salvage-snapshot': salvageSnapshot,
  'save-snapshot': saveSnapshot,
  'save-specs': saveSpecs,
  'set-etcd-aside': setEtcdAside,
  'show-leftovers': showLeftovers,
  'start-client': startClient,
  'start-reattached': startReattached,
  'start-service': startService,
  'state-threshold': stateThreshold,
  'stop-container': stopContainer,
  'stop-services': stopServices,
  'token-window': tokenWindow,
  'undo-clear': undoClear,
  'undo-restore': undoRestore,
  'update-databases': updateDatabases,
  'verify-databases': verifyDatabases,
  'verify-hosts': verifyHosts,
  'verify-members': verifyMembers,
  'verify-snapshot': verifySnapshot,
  'wait-api': waitApi,
  'wait-uninitialised': waitUninitialised,
};

/** A kind of step: the name of its files, and with underscores of its bash function. */
export type StepKind = keyof typeof definitions;

/** What each kind of step is given. */
export type StepParams = {
  readonly [K in StepKind]: (typeof definitions)[K] extends StepDefinition<infer P> ? P : never;
};

/** The definition of each kind of step. */
export const steps: { readonly [K in StepKind]: StepDefinition<StepParams[K]> } = definitions;

/** Every kind of step. */
export const stepKinds = Object.keys(definitions) as readonly StepKind[];

/** A kind of step with what it is given. */
export interface StepOf<K extends StepKind> {
  readonly kind: K;
  readonly params: StepParams[K];
}

/** Its title in scripts and in the runbook. */
export function titleOf<K extends StepKind>({ kind, params }: StepOf<K>): string {
  return steps[kind].title(params);
}

/** Why a plan has it. */
export function reasonOf<K extends StepKind>({ kind, params }: StepOf<K>): string {
  return steps[kind].reason(params);
}

/** What it does that no script takes back; null if there is nothing. */
export function lastingOf<K extends StepKind>({ kind, params }: StepOf<K>): Lasting | null {
  return steps[kind].lasting(params);
}

/** What it needs and yields in a script about that host. */
export function factsOf<K extends StepKind>(
  { kind, params }: StepOf<K>,
  subject: HostId,
): { readonly needs: readonly Fact[]; readonly yields: readonly Fact[] } {
  const { needs, yields } = steps[kind];
  return { needs: needs(params, subject), yields: yields(params, subject) };
}

/** Its bash side: function name, arguments, and the options its script must offer. */
export function callOf<K extends StepKind>({
  kind,
  params,
}: StepOf<K>): {
  readonly name: string;
  readonly args: readonly string[];
  readonly options: readonly string[];
} {
  const { args, options } = steps[kind];
  return { name: kind.replaceAll('-', '_'), args: args(params), options };
}

// Step kind + what it is told -> a Step: its title, usual reason and effect come from one table.

import type { Fact, GuideStep, Step, StepKind, StepOf, StepParams } from './ir.ts';

interface KindWords<K extends StepKind> {
  readonly effect: Step['effect'];
  readonly title: (params: StepParams[K]) => string;
  /** Why a plan has this step, where the phase gives no better reason. */
  readonly reason: string;
}

// `destroys` marks what would be lost for good had an earlier step not kept it (see `keeps`).
const kinds: { readonly [K in StepKind]: KindWords<K> } = {
  'revive-swarm': {
    effect: 'changes',
    title: () => 'Give Docker Swarm a leader again where it has lost its own quorum',
    reason:
      'Server hosts are the managers of the Swarm: it has usually lost its quorum with etcd, and ' +
      'without a leader no service can be stopped.',
  },
  'init-swarm': {
    effect: 'changes',
    title: () => 'Initialise Docker Swarm anew',
    reason: 'The recovery host is a new machine and nothing is left of the old Swarm.',
  },
  'deploy-stack': {
    effect: 'changes',
    title: () => 'Deploy the stack with every service at 0',
    reason: 'The new Swarm has no services; at 0, none of them starts with data not yet restored.',
  },
  'place-service': {
    effect: 'changes',
    title: ({ service }) => `Place ${service} on its node of this Swarm`,
    reason: 'A machine new to the Swarm has a new node id, and the service is tied to the old one.',
  },
  'stop-services': {
    effect: 'changes',
    title: ({ services }) =>
      services.length === 1 ? 'Scale the service to 0' : 'Scale all server services to 0',
    reason: 'In one call, so that no server host starts with old data while others are stopped.',
  },
  'stop-container': {
    effect: 'changes',
    title: () => 'End the container and prove that it is gone',
    reason:
      'Swarm says converged while the container still runs, and moving etcd/ then corrupts it; ' +
      'without quorum a graceful stop cannot succeed.',
  },
  'fence-hosts': {
    effect: 'observes',
    title: ({ hosts: [first, ...more] }) =>
      more.length === 0
        ? `Make sure that ${first?.target} stays out`
        : `Make sure that the ${more.length + 1} other server hosts stay out`,
    reason:
      'Lost hosts that are only unreachable, or come back too early, may be the old quorum. One ' +
      'that still runs is waited for where it could tip the balance.',
  },
  'prove-free': {
    effect: 'observes',
    title: ({ before }) =>
      before === 'restore'
        ? 'Prove that nothing holds the database or the ports'
        : 'Prove again that nothing holds the database or the ports',
    reason: 'Never kill by name: the process that holds them is named, and the script stops.',
  },
  'salvage-snapshot': {
    effect: 'changes',
    title: () => 'Salvage a snapshot from a copy of the own data, and state the loss',
    reason:
      'The freshest source there is: nothing of the write-ahead log is lost, and the result ' +
      'carries its hash. Saving from the running etcd needs the quorum that is gone.',
  },
  'choose-snapshot': {
    effect: 'changes',
    title: () => 'Choose the snapshot, with its evidence',
    reason: 'The source is the choice of the inventory; a pinned SHA-256 is checked first.',
  },
  'verify-snapshot': {
    effect: 'observes',
    title: () => 'Verify the snapshot',
    reason: 'A snapshot cut short, changed, or of another storage version must not be restored.',
  },
  'check-recovery-host': {
    effect: 'observes',
    title: () => 'Check that this host can be the recovery host',
    reason: 'Wrong certificates, user, CA or tools show only after the restore, when it is late.',
  },
  'set-etcd-aside': {
    effect: 'changes',
    title: () => 'Set etcd/ aside, keep copies of certificates and configuration',
    reason: 'Nothing is deleted: this is what undo goes back to.',
  },
  'restore-snapshot': {
    effect: 'destroys',
    title: () => 'Restore the snapshot',
    reason: 'Beside the target, renamed into place only when whole: half a restore starts empty.',
  },
  'fix-ownership': {
    effect: 'changes',
    title: () => 'Give the restored data their owner, mode and label',
    reason: 'As the old directory had them, or as the inventory says.',
  },
  'rewrite-membership': {
    effect: 'changes',
    title: () => 'Rewrite the membership on loopback and prove one voter',
    reason: 'A trial start which no client and no old member can reach.',
  },
  'token-window': {
    effect: 'changes',
    title: () => 'Let everything that holds an old login log in anew',
    reason:
      'A restored etcd makes clients with old login tokens wait instead of refusing them: ' +
      'surviving databases would stay read-only. They are writable from here on.',
  },
  'start-service': {
    effect: 'changes',
    title: ({ target }) => `Start the service of ${target}`,
    reason: 'At 1 replica, and a running task on the right node.',
  },
  'wait-api': {
    effect: 'observes',
    title: () => 'Wait until the API serves the cluster',
    reason: 'An answer of /v1/version proves nothing; /v1/hosts does.',
  },
  'check-endpoint': {
    effect: 'observes',
    title: () => 'Check the health of etcd',
    reason: 'With the credentials of the host itself, which shows that they were restored.',
  },
  'prove-alone': {
    effect: 'observes',
    title: () => 'Prove that this host is the only member',
    reason: 'Counted in the member list: the status of one endpoint is one row whatever joined.',
  },
  'show-leftovers': {
    effect: 'observes',
    title: () => 'Show alarms, and tasks that came back with the snapshot',
    reason: 'They were under way when the snapshot was taken and will not finish by themselves.',
  },
  'refresh-clients': {
    effect: 'changes',
    title: ({ clients: [first, ...more] }) =>
      more.length === 0
        ? `See that client host ${first?.target} is connected again`
        : `See that ${more.length + 1} client hosts are connected again`,
    reason: 'Database updates need their workers; those that stay stale are restarted once.',
  },
  'state-threshold': {
    effect: 'observes',
    title: ({ threshold }) => `State the target: ${threshold} voter${threshold === 1 ? '' : 's'}`,
    reason: 'The target for redundancy, not a condition for writing.',
  },
  'check-removable': {
    effect: 'observes',
    title: ({ target }) => `Check that ${target} can be removed`,
    reason: 'Never a host that answers, and never while another host of its databases is down.',
  },
  'save-specs': {
    effect: 'changes',
    title: () => 'Save the specification of every database',
    reason: 'Removal changes them; what was saved is compared in phase 8.',
  },
  'update-databases': {
    effect: 'destroys',
    title: ({ target }) => `Take ${target} out of its databases`,
    reason: 'With all hosts to be removed in one update: one by one they deadlock for ever.',
  },
  'remove-record': {
    effect: 'destroys',
    title: ({ target }) => `Remove the record of ${target}`,
    reason: 'A host whose record is still there cannot join again.',
  },
  'return-to-swarm': {
    effect: 'changes',
    title: () => 'See that this machine is back in the Swarm',
    reason: 'After the revival a returning manager is a worker first, and a manager in a minute.',
  },
  'enter-swarm': {
    effect: 'changes',
    title: ({ role }) => `Join the Swarm as a ${role}`,
    reason: 'A machine that is new to the Swarm cannot run the service.',
  },
  'retire-node': {
    effect: 'changes',
    title: () => 'Remove the node of the old machine from the Swarm',
    reason: 'A manager that never returns counts against the quorum of the Swarm.',
  },
  'check-reattachable': {
    effect: 'observes',
    title: () => 'Look whether this host can be reattached',
    reason: 'Its record, its credentials and the API generation decide, before anything changes.',
  },
  'check-joinable': {
    effect: 'observes',
    title: () => 'Look whether this host can join',
    reason: 'Its record has to be gone; a host that can be reattached need not lose anything.',
  },
  'clear-for-reattach': {
    effect: 'changes',
    title: () => 'Set etcd/ aside, and point the configuration at the recovery host',
    reason: 'Its old membership is void: two hosts with old data would be the old quorum again.',
  },
  'clear-for-join': {
    effect: 'changes',
    title: () => 'Set the state of the old membership aside',
    reason: 'A host that holds state does not accept a join. instances/ is never touched.',
  },
  'drop-stale-member': {
    effect: 'changes',
    title: () => 'See that no stale member entry is in the way',
    reason: 'An unstarted or learner entry with this peer URL makes every further attempt fail.',
  },
  'start-reattached': {
    effect: 'destroys',
    title: () => 'Start the service, which joins etcd anew by itself',
    reason: 'No removal, no token, no database touched: the host keeps record and credentials.',
  },
  'wait-uninitialised': {
    effect: 'observes',
    title: ({ target }) => `Wait until ${target} waits to be joined`,
    reason: 'Only a host without state answers /v1/version and refuses /v1/hosts.',
  },
  'join-cluster': {
    effect: 'destroys',
    title: ({ target }) => `Join ${target} to the cluster`,
    reason: 'The join token of the recovery host is passed on unchanged, and never shown.',
  },
  'prove-voter': {
    effect: 'observes',
    title: () => 'Prove that this host votes, and count the voters',
    reason: 'Started members that are no learners, against the target.',
  },
  'start-client': {
    effect: 'changes',
    title: ({ target }) => `Start client host ${target} and see that it connects`,
    reason: 'With credentials the cluster still accepts nothing else is needed.',
  },
  'prove-client': {
    effect: 'observes',
    title: ({ target }) => `Prove that client host ${target} is back`,
    reason: 'Healthy, by a status written now and not before the disaster.',
  },
  'restart-clients': {
    effect: 'changes',
    title: ({ clients: [first, ...more] }) =>
      more.length === 0
        ? `Restart client host ${first?.target} unless it has been`
        : `Restart ${more.length + 1} client hosts unless they have been`,
    reason: 'Twenty at a time: they are no members, and databases run on meanwhile.',
  },
  'restart-host': {
    effect: 'changes',
    title: ({ target }) => `Restart ${target} unless it has been`,
    reason: 'One at a time, each waited for, and never one of only two voters.',
  },
  'restart-all': {
    effect: 'changes',
    title: () => 'Restart all hosts at once',
    reason: 'The text of the guide, as the inventory asks: the API is away meanwhile.',
  },
  'verify-hosts': {
    effect: 'observes',
    title: () => 'Verify that all hosts are healthy',
    reason: 'By a fresh status: a stored one may be older than the disaster.',
  },
  'verify-databases': {
    effect: 'observes',
    title: () => 'Verify databases and their instances',
    reason: 'The state of a database is merely stored; that of its instances is measured.',
  },
  'verify-members': {
    effect: 'observes',
    title: () => 'Verify the etcd cluster from every endpoint',
    reason: 'One cluster id, every server host a started voter, no learner.',
  },
  'close-recovery': {
    effect: 'changes',
    title: () => 'Close the recovery',
    reason: 'From here on the scripts of phases 1 to 4 change nothing any more.',
  },
  'save-snapshot': {
    effect: 'changes',
    title: () => 'Save a snapshot of the running cluster',
    reason: 'Only possible while the quorum is intact.',
  },
  'undo-restore': {
    effect: 'changes',
    title: () => 'Put the old etcd/ back, keep the restored one aside',
    reason: 'The host is then as phase 2 found it.',
  },
  'undo-clear': {
    effect: 'changes',
    title: () => 'Put the state that was set aside back',
    reason: 'The host is then as it was found, and stays stopped.',
  },
};

/** The steps of which one, on the same subject, keeps what the key would destroy. */
export const keeps: Readonly<Partial<Record<StepKind, StepKind>>> = {
  'restore-snapshot': 'set-etcd-aside',
  'update-databases': 'save-specs',
  'remove-record': 'save-specs',
  'start-reattached': 'clear-for-reattach',
  'join-cluster': 'clear-for-join',
};

/** Makes a step. `needs` and `yields` default to none, `reason` to the usual one of its kind. */
export function step<K extends StepKind>(
  guide: GuideStep,
  kind: K,
  params: StepParams[K],
  rest: {
    readonly needs?: readonly Fact[];
    readonly yields?: readonly Fact[];
    readonly reason?: string;
  } = {},
): Step {
  const words: KindWords<K> = kinds[kind];
  const made: StepOf<K> = {
    kind,
    guide,
    title: words.title(params),
    reason: rest.reason ?? words.reason,
    effect: words.effect,
    needs: rest.needs ?? [],
    yields: rest.yields ?? [],
    params,
  };
  // StepOf<K> for one K is a Step; the compiler cannot see it through the mapped union.
  return made as unknown as Step;
}

// Text of a plan.json -> the Plan in it, or why it is none. Emitting trusts what passes here.

import * as z from 'zod';
import { type Diagnostic, diagnostic } from '../diagnostic.ts';
import { brokenOrder, brokenWords } from './build.ts';
import type { ClusterFact, HostFact, Plan, StepKind } from './ir.ts';

/** A plan, or at least one error. */
export type ReadPlan =
  | { readonly ok: true; readonly plan: Plan }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

// A line feed in a title would end a comment of a script: no text but notes may hold one.
const line = z.string().regex(/^[^\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]*$/u);
const word = line.regex(/^[A-Za-z0-9_.:-]+$/u);
const id = line.regex(/^[a-z0-9][a-z0-9-]*$/u);
const path = line.regex(/^\//u);
const script = line.regex(/^[a-z0-9-]+(\/[a-z0-9-]+)*\.sh$/u);
const sha256 = line.regex(/^[0-9a-f]{64}$/u);
const guide = line.regex(/^[1-8]\.[1-4][a-f]?$/u);
const port = z.int().min(1).max(65535);
const seconds = z.int().min(0).max(86400);
const ports = z.strictObject({ api: port, etcdClient: port, etcdPeer: port });
const source = z.enum(['freshest', 'salvage', 'saved', 'raw']);
const snapshot = { source, path: path.nullable(), sha256: sha256.nullable() };
const mode = z.enum(['server', 'client']);
const none = z.strictObject({});
const target = z.strictObject({ target: id });
const probed = z.strictObject({ target: id, address: word, ports });
const placed = z.strictObject({ target: id, service: word });
const asked = z.strictObject({ api: line, target: id });
const ofService = z.strictObject({ service: word });
const ofServices = z.strictObject({ services: z.array(word) });
const ofAddress = z.strictObject({ address: word });

const params: { readonly [K in StepKind]: z.ZodObject } = {
  'revive-swarm': ofAddress,
  'init-swarm': ofAddress,
  'deploy-stack': z.strictObject({ stackFile: path, stack: word, services: z.array(word) }),
  'place-service': z.strictObject({ service: word, addresses: z.array(word) }),
  'stop-services': ofServices,
  'stop-container': ofService,
  'fence-hosts': z.strictObject({ quorum: z.int(), hosts: z.array(probed) }),
  'prove-free': z.strictObject({ before: z.enum(['restore', 'rewrite']) }),
  'salvage-snapshot': none,
  'choose-snapshot': z.strictObject(snapshot),
  'verify-snapshot': none,
  'check-recovery-host': none,
  'set-etcd-aside': none,
  'restore-snapshot': z.strictObject({ flags: z.array(line.regex(/^(--[a-z-]+|[0-9]+)$/u)) }),
  'fix-ownership': z.strictObject({ owner: word }),
  'rewrite-membership': none,
  'token-window': z.strictObject({ seconds }),
  'start-service': placed,
  'wait-api': none,
  'check-endpoint': none,
  'prove-alone': none,
  'show-leftovers': none,
  'refresh-clients': z.strictObject({ clients: z.array(placed.extend({ address: word, port })) }),
  'state-threshold': z.strictObject({ servers: z.int(), threshold: z.int() }),
  'check-removable': probed,
  'save-specs': target,
  'update-databases': z.strictObject({ target: id, together: z.array(id) }),
  'remove-record': target,
  'return-to-swarm': none,
  'enter-swarm': z.strictObject({ role: z.enum(['manager', 'worker']), remote: line }),
  'retire-node': ofService,
  'check-reattachable': z.strictObject({ removal: script, join: script }),
  'check-joinable': z.strictObject({ removal: script, reattach: script.nullable() }),
  'clear-for-reattach': none,
  'clear-for-join': none,
  'drop-stale-member': none,
  'start-reattached': none,
  'wait-uninitialised': asked,
  'join-cluster': asked,
  'prove-voter': z.strictObject({ threshold: z.int() }),
  'start-client': placed.extend({ api: line }),
  'prove-client': target,
  'restart-clients': z.strictObject({ clients: z.array(placed) }),
  'restart-host': placed,
  'restart-all': ofServices,
  'verify-hosts': z.strictObject({ servers: z.array(id), clients: z.array(id) }),
  'verify-databases': none,
  'verify-members': z.strictObject({ endpoints: z.array(line), servers: z.array(id) }),
  'close-recovery': none,
  'save-snapshot': none,
  'undo-restore': none,
  'undo-clear': none,
};

const hostFacts = {
  fenced: true,
  'service-stopped': true,
  'state-set-aside': true,
  'record-removed': true,
  'in-swarm': true,
  uninitialised: true,
  'member-back': true,
  'client-back': true,
} as const satisfies { readonly [F in HostFact]: true };
const clusterFacts = {
  'swarm-leader': true,
  'services-stopped': true,
  'snapshot-chosen': true,
  'snapshot-verified': true,
  'recovery-host-checked': true,
  'etcd-set-aside': true,
  'etcd-restored': true,
  'membership-rewritten': true,
  'recovery-host-started': true,
  'api-answers': true,
  'quorum-reached': true,
  'hosts-verified': true,
  closed: true,
} as const satisfies { readonly [F in ClusterFact]: true };

const fact = z.union([
  z.strictObject({ fact: z.enum(Object.keys(hostFacts)), host: id }),
  z.strictObject({ fact: z.enum(Object.keys(clusterFacts)) }),
]);

const step = z
  .strictObject({
    kind: z.enum(Object.keys(params)),
    guide,
    title: line,
    reason: line,
    effect: z.enum(['observes', 'changes', 'destroys']),
    needs: z.array(fact),
    yields: z.array(fact),
    params: z.record(z.string(), z.unknown()),
  })
  .superRefine((value, context) => {
    const result = params[value.kind as StepKind].safeParse(value.params);
    for (const issue of result.error?.issues ?? []) {
      context.addIssue({
        code: 'custom',
        message: issue.message,
        path: ['params', ...issue.path],
      });
    }
  });

const turn = z.strictObject({
  path: script,
  host: id,
  subject: id,
  title: line,
  when: z.enum(['always', 'if-told', 'before', 'undo']),
  reason: line,
  steps: z.array(step).min(1),
  omits: z.array(z.strictObject({ guide, because: line })),
  next: z.array(line).min(1),
});

// One object rather than a union of two: the place of a mistake inside is then told.
const phase = z
  .strictObject({
    number: z.int().min(1).max(8),
    slug: word,
    title: line,
    turns: z.array(turn),
    because: line.optional(),
  })
  .refine(({ turns, because }) => (turns.length === 0) === (because !== undefined), {
    error: 'a phase has turns, or says why it has none',
  });

const host = z.strictObject({
  id,
  mode,
  addresses: z.array(word).min(1),
  dataDirectory: path,
  ports,
  service: word,
  machineId: word.nullable(),
  state: z.enum(['alive', 'returning', 'replaced', 'gone', 'lost']).nullable(),
  notes: z.string().nullable(),
});

const planObject = z.strictObject({
  format: z.literal('plan/1'),
  name: id,
  inventory: sha256,
  cluster: z.strictObject({
    name: id,
    notes: z.string().nullable(),
    stack: word,
    stackFile: path.nullable(),
    api: z.union([
      z.strictObject({ scheme: z.literal('http') }),
      z.strictObject({
        scheme: z.literal('https'),
        caCert: path,
        clientCert: path,
        clientKey: path,
      }),
    ]),
    hosts: z.array(host).min(1),
  }),
  recovery: z.strictObject({
    host: id,
    because: line,
    snapshot: z.strictObject(snapshot),
    revisionBump: z.int().nullable(),
    rewriteMembership: z.enum(['loopback', 'skip']),
    tokenWindow: seconds,
    rejoin: z.enum(['evidence', 'guide']),
    restart: z.enum(['rolling', 'all-at-once', 'none']),
    owner: z.union([z.literal('reference'), z.strictObject({ user: word, group: word })]),
    deadlines: z.strictObject({
      stop: seconds,
      swarm: seconds,
      etcd: seconds,
      api: seconds,
      fresh: seconds,
      task: seconds,
      join: seconds,
    }),
    toolsDirectory: path.nullable(),
  }),
  quorum: z.strictObject({
    servers: z.array(id),
    lost: z.array(id),
    threshold: z.int(),
    target: z.int(),
    verdict: z.enum(['lost', 'unknown']),
    words: line,
    reachedBy: id,
  }),
  phases: z.array(phase).length(8),
  asides: z.array(turn),
});

/** Reads a plan. Never throws for what the text holds. */
export function readPlan(text: string, file: string): ReadPlan {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return refused('PLAN001', file, error instanceof Error ? error.message : 'not JSON');
  }
  const format =
    typeof value === 'object' && value !== null && 'format' in value ? value.format : 'none';
  if (format !== 'plan/1') {
    return refused('PLAN002', file, `format is ${JSON.stringify(format)}, not "plan/1"`);
  }
  const parsed = planObject.safeParse(value);
  if (!parsed.success) {
    const words = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    return refused('PLAN003', file, ...words);
  }
  // The schema says what ir.ts says; tuples and template types are beyond what zod infers. The value
  // itself goes on, in the order of its keys, so that it is written again as it was read.
  const plan = value as Plan;
  const known = new Set(plan.cluster.hosts.map(({ id }) => id));
  const turns = [...plan.phases.flatMap((each) => [...each.turns]), ...plan.asides];
  const strange = turns.find((each) => !known.has(each.host) || !known.has(each.subject));
  if (strange !== undefined || !known.has(plan.recovery.host)) {
    return refused(
      'PLAN003',
      file,
      `${strange?.path ?? 'recovery'}: names a host that is not there`,
    );
  }
  if (new Set(turns.map((each) => each.path)).size < turns.length) {
    return refused('PLAN003', file, 'two turns have one path');
  }
  const broken = brokenOrder(plan);
  if (broken !== null) return refused('PLAN004', file, brokenWords(broken));
  return { ok: true, plan };
}

const remedies = {
  PLAN001: 'Take plan.json from the bundle again, or compile the inventory anew.',
  PLAN002: 'Use the version of plan that wrote it, or compile the inventory anew.',
  PLAN003: 'Change the inventory and compile it anew; a plan is not edited.',
  PLAN004: 'Change the inventory and compile it anew; a plan is not edited.',
} as const;

function refused(code: keyof typeof remedies, file: string, ...what: string[]): ReadPlan {
  const at = { file, position: null };
  return {
    ok: false,
    diagnostics: what.map((words) =>
      diagnostic(code, at, {
        what: words,
        why: 'Scripts are made only from a plan that is understood in full.',
        remedy: remedies[code],
      }),
    ),
  };
}

// The plan: one zod object, from which its types are inferred. Plain JSON; absence is null.

import * as z from 'zod';
import { absolutePath, id, line, resolvedHost, type ValueOf, word } from '../hosts.ts';
import { apiObject, recoveryObject, swarmObject } from '../inventory/schema.ts';
import { quorumObject, recoveryChosen } from '../quorum.ts';
import { type StepKind, type StepOf, stepKinds, steps } from '../steps/all.ts';
import { type Fact, factObject } from '../steps/facts.ts';
import { scriptPath } from '../steps/fields.ts';
import { bundledTools } from '../tools/tool.ts';

/** Raised whenever the shape of a plan changes. */
export const planFormat = 'plan/2';

const sha256 = line.regex(/^[0-9a-f]{64}$/u);

/** A phase of the guide. */
const phaseNumber = z.literal([1, 2, 3, 4, 5, 6, 7, 8]);
export type PhaseNumber = ValueOf<typeof phaseNumber>;

/** A section of the guide, such as `6.1b`. */
const guideStep = z.templateLiteral([
  z.enum(['1', '2', '3', '4', '5', '6', '7', '8']),
  '.',
  z.enum(['1', '2', '3', '4']),
  z.enum(['', 'a', 'b', 'c', 'd', 'e', 'f']),
]);
export type GuideStep = ValueOf<typeof guideStep>;

/** A step in its place: what must be shown before it, and what is shown after it. */
export type Step = { readonly [K in StepKind]: PlannedStep<K> }[StepKind];
interface PlannedStep<K extends StepKind> extends StepOf<K> {
  readonly guide: GuideStep;
  readonly needs: readonly Fact[];
  readonly yields: readonly Fact[];
}

function stepObject<K extends StepKind>(kind: K) {
  return z.strictObject({
    kind: z.literal(kind),
    guide: guideStep,
    params: steps[kind].params,
    needs: z.array(factObject),
    yields: z.array(factObject),
  });
}

// One object for each kind. That together they read a Step, no compiler sees through a map.
const [firstKind, ...otherKinds] = stepKinds.map(stepObject);
if (firstKind === undefined) throw new Error('no kinds of steps');
const anyStep = z.discriminatedUnion('kind', [
  firstKind,
  ...otherKinds,
]) as unknown as z.ZodType<Step>;

/** What a turn does for its subject. */
const role = z.enum([
  'prepare',
  'restore',
  'rewrite',
  'start',
  'reattach',
  'remove',
  'join',
  'client-swarm',
  'client',
  'client-clear',
  'client-join',
  'verify',
  'snapshot',
  'undo',
]);

/** One machine acting once without hand-over: exactly one script. */
const turnObject = z.strictObject({
  /** Path in the bundle; in each folder, paths sort (in bytes) in the order of execution. */
  path: scriptPath,
  /** Its place in the order of execution, from 1 on; null outside the recovery. */
  order: z.int().min(1).nullable(),
  role,
  /** The host it runs on. */
  host: id,
  /** The host it is about; often the same. */
  subject: id,
  title: line,
  /**
   * always: part of the expected way. if-needed: run only if another script or the runbook says so.
   * before: before any incident. undo: a way back.
   */
  when: z.enum(['always', 'if-needed', 'before', 'undo']),
  reason: line,
  steps: z.tuple([anyStep], anyStep),
  /** Guide steps this turn leaves out on purpose. */
  omits: z.array(z.strictObject({ guide: guideStep, because: line })),
  /** The last lines a run prints: what comes next, and on which host. */
  next: z.tuple([line], line),
});
export type Turn = ValueOf<typeof turnObject>;

const phaseObject = z
  .strictObject({
    number: phaseNumber,
    slug: word,
    title: line,
    turns: z.array(turnObject),
    /** Why it has no turns; null if it has some. */
    because: line.nullable(),
  })
  .refine(({ turns, because }) => (turns.length === 0) === (because !== null), {
    error: 'a phase has turns, or says why it has none',
  });
export type Phase = ValueOf<typeof phaseObject>;

/** The values every script may use. */
const clusterObject = z.strictObject({
  name: id,
  notes: z.string().nullable(),
  stack: word,
  stackFile: swarmObject.unwrap().shape.stackFile.unwrap(),
  /** Docker's socket on every host. */
  dockerSocket: absolutePath,
  api: apiObject.unwrap(),
  /** Server-mode hosts first, then client-mode hosts, each by natural id order. */
  hosts: z.array(resolvedHost).min(1),
});

const asked = recoveryObject.unwrap().shape;
const snapshot = asked.snapshot.unwrap().shape;
const deadlines = asked.deadlines.unwrap().shape;

/** The choices of the inventory for the recovery, with nothing left out. */
const planRecovery = z.strictObject({
  host: id,
  chosen: recoveryChosen,
  /** Why this host: `named in the inventory`, or the choice and its reason. */
  because: line,
  snapshot: z.strictObject({
    source: snapshot.source.unwrap(),
    path: snapshot.path.unwrap(),
    sha256: snapshot.sha256.unwrap(),
  }),
  /** Null: none. */
  revisionBump: z.int().nullable(),
  rewriteMembership: asked.rewriteMembership.unwrap(),
  /** Seconds; 0: none. */
  tokenWindow: asked.tokenWindow.unwrap(),
  rejoin: asked.rejoin.unwrap(),
  restart: asked.restart.unwrap(),
  owner: asked.owner.unwrap(),
  /** Seconds. */
  deadlines: z.strictObject({
    stop: deadlines.stop.unwrap(),
    swarm: deadlines.swarm.unwrap(),
    etcd: deadlines.etcd.unwrap(),
    api: deadlines.api.unwrap(),
    fresh: deadlines.fresh.unwrap(),
    task: deadlines.task.unwrap(),
    join: deadlines.join.unwrap(),
  }),
  toolsDirectory: absolutePath.nullable(),
});

/** The arithmetic of a quorum that is lost or may be. */
const planQuorum = quorumObject.omit({ alive: true }).extend({
  verdict: quorumObject.shape.verdict.exclude(['kept']),
  /**
   * Started voters to reach before clients are dealt with: the threshold, or every server host that
   * is left if there are fewer.
   */
  target: z.int(),
  /** The server-mode host whose return brings the started voters to the target. */
  reachedBy: id,
});

/** What `plan compile` decides and `plan emit` turns into scripts. Readers refuse another format. */
export const planObject = z.strictObject({
  format: z.literal(planFormat),
  /** Of everything else in the plan: shows that no value was edited, and marks a bundle as ours. */
  digest: sha256,
  /** The version of plan that compiled it. */
  compiler: line.regex(/^[0-9A-Za-z.+-]+$/u),
  /** `<cluster>-<recovery host>`: names locks, logs and set-aside data on hosts. */
  name: id,
  /** Digest of the inventory as understood (defaults filled, hosts sorted), not of its text. */
  inventory: sha256,
  cluster: clusterObject,
  recovery: planRecovery,
  quorum: planQuorum,
  /** Always eight, in the guide's order. The order of execution is that of the turns' `order`. */
  phases: z.array(phaseObject).length(8),
  /** Scripts outside the recovery: snapshots before it, ways back out of it. */
  asides: z.array(turnObject),
  /** The tools that travel with the scripts. Left out if there are none. */
  tools: bundledTools.optional(),
});
export type Plan = ValueOf<typeof planObject>;

/** The JSON Schema (draft 2020-12) of a plan.json, which is for machines. */
export function planSchema(): Readonly<Record<string, unknown>> {
  return {
    title: 'Plan of a recovery bundle',
    description: 'plan.json: written by "plan compile", read by "plan emit". It is not edited.',
    ...z.toJSONSchema(planObject, { target: 'draft-2020-12', reused: 'ref' }),
  };
}

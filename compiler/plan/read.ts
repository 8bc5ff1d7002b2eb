// Text of a plan.json -> the Plan in it, or why it is none. Emitting trusts what passes here.

import { type Diagnostic, diagnostic } from '../diagnostic.ts';
import { isInventory, shellWord } from '../inventory/kind.ts';
import { version } from '../version.ts';
import { brokenOrder, brokenWords } from './build.ts';
import { planDigest } from './digest.ts';
import { type Plan, planFormat, planObject } from './ir.ts';
import { misplaced } from './order.ts';
import { contradictions } from './source.ts';

/** A plan, or at least one error. */
export type ReadPlan =
  | { readonly ok: true; readonly plan: Plan }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

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
  if (isInventory(value)) return inventoryInstead(file);
  if (format !== planFormat) {
    const found = JSON.stringify(format) ?? 'none';
    return refused('PLAN002', file, `format is ${cut(found)}, not "${planFormat}"`);
  }
  const parsed = planObject.safeParse(value);
  if (!parsed.success) {
    const words = parsed.error.issues.map((issue) =>
      cut(`${issue.path.join('.')}: ${issue.message}`),
    );
    return refused('PLAN003', file, ...words);
  }
  const plan: Plan = parsed.data;
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
  const wrong = misplaced(plan);
  if (wrong !== null) return refused('PLAN003', file, `${wrong}: not in the order of execution`);
  const broken = brokenOrder(plan);
  if (broken !== null) return refused('PLAN004', file, brokenWords(broken));
  const edited = editsOf(plan, file);
  return edited.length > 0 ? { ok: false, diagnostics: edited } : { ok: true, plan };
}

/** What shows that a plan was not compiled as it stands: it states another digest or other scripts. */
function editsOf(plan: Plan, file: string): readonly Diagnostic[] {
  const at = { file, position: null };
  const { rules, places } = contradictions(plan);
  const remedy =
    plan.compiler === version()
      ? 'Copy plan.json from the bundle again, or change the inventory and compile it.'
      : `It was compiled by plan ${plan.compiler}, and this is plan ${version()}. Use that one, or compile the inventory again.`;
  const found = planDigest(plan);
  const digests =
    found === plan.digest
      ? []
      : [
          diagnostic('PLAN005', at, {
            what: `the plan states digest ${plan.digest.slice(0, 12)}, and its content has ${found.slice(0, 12)}`,
            why: 'It was edited, or copied in part. Scripts are made only from a plan as it was compiled.',
            remedy: 'Copy plan.json from the bundle again, or change the inventory and compile it.',
          }),
        ];
  return [
    ...digests,
    ...rules.map(({ what, why, code }) =>
      diagnostic('PLAN006', at, { what: `${what} (${code})`, why, remedy }),
    ),
    ...places.map((place) =>
      diagnostic('PLAN007', at, {
        what: `${place} is not what this compiler makes of the values in the plan`,
        why: 'Scripts from it could do something else than the plan says.',
        remedy,
      }),
    ),
  ];
}

function cut(text: string): string {
  return text.length > 300 ? `${text.slice(0, 297)}...` : text;
}

const remedies = {
  PLAN001: 'Take plan.json from the bundle again, or compile the inventory again.',
  PLAN002: 'Use the version of plan that wrote it, or compile the inventory again.',
  PLAN003: 'Change the inventory and compile it again; a plan is not edited.',
  PLAN004: 'Change the inventory and compile it again; a plan is not edited.',
} as const;

function inventoryInstead(file: string): ReadPlan {
  const at = { file, position: null };
  const words = {
    what: 'this is an inventory, not a plan',
    why: 'Another command reads it.',
    remedy: `Use: plan compile ${shellWord(file)}`,
  };
  return { ok: false, diagnostics: [diagnostic('PLAN002', at, words)] };
}

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

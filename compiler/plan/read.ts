// Text of a plan.json -> the Plan in it, or why it is none. Emitting trusts what passes here.

import { type Diagnostic, diagnostic } from '../diagnostic.ts';
import { isInventory, shellWord } from '../inventory/kind.ts';
import { brokenOrder, brokenWords } from './build.ts';
import { type Plan, planObject } from './ir.ts';
import { misplaced } from './order.ts';

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
  if (format !== 'plan/1') {
    return refused('PLAN002', file, `format is ${JSON.stringify(format)}, not "plan/1"`);
  }
  const parsed = planObject.safeParse(value);
  if (!parsed.success) {
    const words = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
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
  return { ok: true, plan };
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

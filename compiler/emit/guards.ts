// Turn -> the guards of its script: the checks that must pass before its first change, in order.

import type { Turn } from '../plan/ir.ts';
import type { StepKind } from '../steps/all.ts';

/** Whether a script has a guard, by the step kinds of its turn. */
type When = (has: (...kinds: StepKind[]) => boolean) => boolean;

const preparing: When = (has) => has('choose-snapshot');
const restoring: When = (has) => has('restore-snapshot', 'rewrite-membership', 'token-window');
/** Turns that read, rename or write the data directory. */
const touching: When = (has) =>
  preparing(has) ||
  restoring(has) ||
  has('fix-ownership', 'clear-for-reattach', 'clear-for-join', 'undo-restore', 'undo-clear');
const starting: When = (has) => has('start-service') && has('wait-api');

/**
 * Every guard, in the order of a script. The name is that of a file in `templates/guards/` and, with
 * underscores, of its bash function.
 */
const guards = {
  'something-to-undo': (has) => has('undo-restore', 'undo-clear'),
  'docker-is-local': (has) => !has('save-snapshot'),
  'data-directory': (has) => touching(has) || has('save-snapshot'),
  'service-uses-data': (has) => touching(has) || starting(has),
  'records-agree': (has) => preparing(has) || restoring(has) || starting(has),
  'own-state': (has) => preparing(has) || has('restore-snapshot'),
  'own-data': (has) => has('salvage-snapshot'),
  'certificates-fit': (has) => preparing(has) || restoring(has),
  'quorum-is-lost': preparing,
  'no-other-recovery': preparing,
  'no-other-is-fresher': preparing,
  'swarm-can-be-used': (has) => has('revive-swarm'),
  'recovery-is-current': (has) => restoring(has) || starting(has),
  'others-are-quiet': (has) => restoring(has) || starting(has),
  'service-is-stopped': restoring,
  'clocks-agree': (has) => has('check-reattachable', 'check-joinable'),
  'recovery-is-under-way': (has) =>
    has('check-reattachable', 'check-joinable', 'clear-for-join', 'enter-swarm'),
  'recovery-has-started': (has) => has('remove-record', 'prove-client'),
  'host-has-not-come-back': (has) => has('undo-clear'),
  'swarm-is-known': (has) => has('return-to-swarm', 'enter-swarm'),
  'can-be-undone': (has) => has('undo-restore'),
  'named-snapshot': preparing,
  'space-is-enough': preparing,
  // The only guard that writes to the disk: it makes an empty directory and removes it.
  'rename-works': touching,
} as const satisfies Readonly<Record<string, When>>;

export type Guard = keyof typeof guards;

/** All guards. */
export const allGuards = Object.keys(guards) as readonly Guard[];

/** The guards of a turn's script, in order. */
export function guardsOf(turn: Turn): readonly Guard[] {
  const kinds = new Set(turn.steps.map((step) => step.kind));
  const has = (...wanted: StepKind[]) => wanted.some((kind) => kinds.has(kind));
  return allGuards.filter((guard) => guards[guard](has));
}

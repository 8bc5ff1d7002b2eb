// What one step is: what it is given, what it does to the world, why, and how bash is called for it.

import type * as z from 'zod';
import { strictObject } from 'zod';
import type { HostId, ValueOf } from '../hosts.ts';
import type { Fact } from './facts.ts';

/** A step only looks, or it changes something. Nothing is lost for good: see `keptBy`. */
type Effect = 'observes' | 'changes';

/** What a step does that no script of the bundle takes back. */
export interface Lasting {
  readonly text: string;
  /** Whether it is certain; if not, the text names the case. */
  readonly certain: boolean;
}

/** One kind of step, as the rest of the compiler reads it. `Params` is what a step is given. */
export interface StepDefinition<Params> {
  /** Reads what a step is given, out of a plan. */
  readonly params: z.ZodType<Params>;
  readonly effect: Effect;
  /** The kind of step that has saved, for the same host, what this one replaces or removes. */
  readonly keptBy: string | null;
  /** Whether it moves data to the place where the host keeps what was set aside. */
  readonly setsAside: boolean;
  /** A sentence that the runbook shows with the script. */
  readonly note: string | null;
  /** The runbook marks a script that has such a step. */
  readonly lasting: (params: Params) => Lasting | null;
  /** The letter of another section of the guide that it carries out, next to its own. */
  readonly alsoSection: string | null;
  readonly title: (params: Params) => string;
  /** Why a plan has this step. */
  readonly reason: (params: Params) => string;
  /** `subject` is the host that the script is about. */
  readonly needs: (params: Params, subject: HostId) => readonly Fact[];
  readonly yields: (params: Params, subject: HostId) => readonly Fact[];
  /** Positional arguments of the step's bash function; lists come last. */
  readonly args: (params: Params) => readonly string[];
  /** Options of the script beyond those that every script has. */
  readonly options: readonly string[];
}

type Shape = Readonly<Record<string, z.ZodType>>;
type Given<S extends Shape> = ValueOf<z.ZodObject<S>>;

/** What has to be written for a step. All but params, effect, title and reason may be left out. */
interface Written<S extends Shape> {
  readonly params: S;
  readonly effect: Effect;
  readonly keptBy?: string;
  readonly setsAside?: true;
  readonly note?: string;
  readonly lasting?: Lasting | ((params: Given<S>) => Lasting | null);
  readonly alsoSection?: string;
  readonly title: string | ((params: Given<S>) => string);
  readonly reason: string | ((params: Given<S>) => string);
  readonly needs?: StepDefinition<Given<S>>['needs'] | readonly Fact[];
  readonly yields?: StepDefinition<Given<S>>['yields'] | readonly Fact[];
  readonly args?: StepDefinition<Given<S>>['args'];
  readonly options?: readonly string[];
}

/** Defines a kind of step. Its name is that of its file, and its key in `all.ts`. */
export function defineStep<const S extends Shape>(written: Written<S>): StepDefinition<Given<S>> {
  const { title, reason, needs = [], yields = [], lasting = null } = written;
  return {
    params: strictObject(written.params) as unknown as z.ZodType<Given<S>>,
    effect: written.effect,
    keptBy: written.keptBy ?? null,
    setsAside: written.setsAside ?? false,
    note: written.note ?? null,
    lasting: typeof lasting === 'function' ? lasting : () => lasting,
    alsoSection: written.alsoSection ?? null,
    title: typeof title === 'string' ? () => title : title,
    reason: typeof reason === 'string' ? () => reason : reason,
    needs: typeof needs === 'function' ? needs : () => needs,
    yields: typeof yields === 'function' ? yields : () => yields,
    args: written.args ?? (() => []),
    options: written.options ?? [],
  };
}

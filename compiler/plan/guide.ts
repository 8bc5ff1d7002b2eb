// Plan -> the steps of the guide, each with its scripts or the reason why it has none.

import { steps } from '../steps/all.ts';
import type { GuideStep, Plan, Step, Turn } from './ir.ts';
import { executionOrder } from './order.ts';

/** A section of the guide and its scripts in a plan. */
export interface GuideRow {
  readonly guide: GuideStep;
  readonly title: string;
  readonly scripts: readonly Pick<Turn, 'path' | 'when' | 'host'>[];
  /** Why the section, or a part of it, has no script. */
  readonly because: readonly string[];
}

const sections: readonly (readonly [GuideStep, string])[] = [
  ['1.1', 'Take a snapshot'],
  ['1.2', 'Verify the snapshot'],
  ['1.3', 'Stop all Control Plane services'],
  ['2.1', 'Select the recovery host'],
  ['2.2', 'Back up existing etcd data'],
  ['2.3', 'Restore the snapshot'],
  ['2.4', 'Fix ownership'],
  ['3.1', 'Kill any running etcd'],
  ['3.2', 'Run etcd with --force-new-cluster'],
  ['3.3', 'Fix ownership again'],
  ['4.1', 'Start the Control Plane service'],
  ['4.2', 'Verify the API'],
  ['4.3', 'Verify etcd health'],
  ['4.4', 'Check the etcd members'],
  ['5.1', 'Calculate the quorum threshold'],
  ['5.2', 'Remove lost hosts one at a time'],
  ['6.1a', 'Stop the lost server host'],
  ['6.1b', 'Clear its state'],
  ['6.1c', 'Start it'],
  ['6.1d', 'Get the join token'],
  ['6.1e', 'Join it'],
  ['6.1f', 'Verify the quorum'],
  ['6.2', 'Rejoin the remaining server hosts'],
  ['7.1a', 'Stop the lost client host'],
  ['7.1b', 'Clear its credentials'],
  ['7.1c', 'Start it'],
  ['7.1d', 'Get the join token'],
  ['7.1e', 'Join it'],
  ['8.1', 'Restart all hosts'],
  ['8.2', 'Verify all hosts'],
  ['8.3', 'Verify databases'],
  ['8.4', 'Verify the etcd cluster'],
];

/** All sections in the guide's order. A section without scripts has at least one reason. */
export function guideRows(plan: Plan): readonly GuideRow[] {
  const turns = [...executionOrder(plan), ...plan.asides];
  const scripts = new Map<GuideStep, Turn[]>();
  for (const turn of turns) {
    for (const guide of new Set(turn.steps.flatMap(sectionsOf))) {
      scripts.set(guide, [...(scripts.get(guide) ?? []), turn]);
    }
  }
  return sections.map(([guide, title]) => {
    const carried = scripts.get(guide) ?? [];
    const omitted = turns.flatMap((turn) =>
      turn.omits.filter((omit) => omit.guide === guide).map((omit) => omit.because),
    );
    const phase = plan.phases.find(({ number }) => guide.startsWith(`${number}.`));
    const empty = phase?.because ?? null;
    return {
      guide,
      title,
      scripts: carried.map(({ path, when, host }) => ({ path, when, host })),
      because: [
        ...new Set([...omitted, ...(carried.length === 0 && empty !== null ? [empty] : [])]),
      ],
    };
  });
}

/** The sections a step carries out: its own (6.2 for 6.2a), and another one if its kind says so. */
function sectionsOf({ guide, kind }: Step): readonly GuideStep[] {
  if (guide.startsWith('6.2')) return ['6.2'];
  const also = steps[kind].alsoSection;
  const wanted: readonly string[] = also === null ? [guide] : [guide.slice(0, -1) + also, guide];
  return sections.map(([section]) => section).filter((section) => wanted.includes(section));
}

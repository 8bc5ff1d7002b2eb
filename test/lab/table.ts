// Turns finished scenarios into the table at the end of a lab run.

import type { Outcome, Scenario } from './stage.ts';

/** One row: a scenario, what it ran against, and how it went. */
export type Row = {
  readonly scenario: Scenario;
  /** `stand-in 0.9`, or a real binary's name and generation, and the Docker engine. */
  readonly against: string;
  /** Seconds for everything: building, losing, recovering, proving. */
  readonly total: number;
  readonly outcome: Outcome | null;
  readonly failure: string | null;
};

const heads = 'scenario,against,seconds,writable,API,log-ins,scripts,edited,verdict,all';

/**
 * Prints the table; `seconds` is the recovery alone, and of it `writable` and `API` what passed from
 * the first `--apply` to the first accepted write, and until the API served the cluster.
 */
export function printTable(rows: readonly Row[]): void {
  const head = heads.split(',');
  const lines = rows.map(({ scenario, against, total, outcome, failure }) => [
    `${scenario.name} ${scenario.title}`,
    against,
    ...[outcome?.seconds, outcome?.firstWrite, outcome?.api].map((value) =>
      value === undefined || Number.isNaN(value) ? '-' : value.toFixed(1),
    ),
    outcome === null ? '-' : String(outcome.logIns),
    outcome === null ? '-' : String(outcome.scriptRuns),
    // Scripts are run as compiled: there is no place where a value could be edited.
    '0',
    failure === null ? (outcome?.verdict ?? 'recovered') : 'FAILED',
    `${total.toFixed(0)} s`,
  ]);
  const widths = head.map((_, column) =>
    Math.max(...[head, ...lines].map((line) => (line[column] ?? '').length)),
  );
  console.log('');
  for (const line of [head, ...lines]) {
    console.log(
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    );
  }
}

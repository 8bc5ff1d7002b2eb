// Turns a database and an API under watch into a record of seconds: when writes were accepted,
// what the instances were, when the API answered.

import { setTimeout as sleep } from 'node:timers/promises';
import { ask, type Cluster, type Host } from '../cluster.ts';
import { type InstanceState, type Pair, psqlAtLeader, stateOf } from './pair.ts';

/** One second of the database's life. Times are milliseconds since 1970. */
export type Sample = {
  readonly at: number;
  /** The number that was inserted and confirmed, or null where no instance took it. */
  readonly written: number | null;
  readonly states: readonly InstanceState[];
};

export type Watch = {
  readonly samples: readonly Sample[];
  /** Ends the watch after the sample under way. */
  readonly stop: () => Promise<void>;
};

/** Makes the table and inserts a number into it once a second until stopped. */
export async function watchDatabase(pair: Pair): Promise<Watch> {
  const table = await psqlAtLeader(pair, 'create table heartbeat (number bigint primary key)');
  if (table.status !== 0) throw new Error(`no table for the watch: ${table.stderr}`);
  const samples: Sample[] = [];
  return {
    samples,
    ...every(1000, async (number) => {
      const at = Date.now();
      const [insert, ...states] = await Promise.all([
        psqlAtLeader(pair, `insert into heartbeat values (${number})`),
        ...pair.instances.map((instance) => stateOf(pair, instance)),
      ]);
      samples.push({ at, written: insert.status === 0 ? number : null, states });
    }),
  };
}

/** Whether `/v1/hosts` of a host answered 200, about twice a second. */
export type ApiWatch = {
  readonly answers: readonly { readonly at: number; readonly ready: boolean }[];
  readonly stop: () => Promise<void>;
};

/** Asks a host's API again and again; without quorum it accepts and never answers. */
export function watchApi(cluster: Cluster, host: Host): ApiWatch {
  const answers: { readonly at: number; readonly ready: boolean }[] = [];
  const watch = every(500, async () => {
    const { status } = await ask(cluster, host, 'GET', '/v1/hosts', undefined, 2);
    answers.push({ at: Date.now(), ready: status === 200 });
  });
  return { answers, ...watch };
}

/** Runs a look at a steady pace; a look that takes longer than its turn delays the next. */
function every(
  milliseconds: number,
  look: (number: number) => Promise<void>,
): { readonly stop: () => Promise<void> } {
  let running = true;
  const loop = (async () => {
    for (let number = 0; running; number += 1) {
      const due = Date.now() + milliseconds;
      await look(number);
      await sleep(Math.max(0, due - Date.now()));
    }
  })();
  const stop = (): Promise<void> => {
    running = false;
    return loop;
  };
  return { stop };
}

/** Nobody can write, and at least one instance says so instead of saying nothing. */
export const isReadOnly = (sample: Sample): boolean =>
  sample.written === null &&
  sample.states.includes('read-only') &&
  !sample.states.includes('writable');

/** Samples of a stretch of time, both ends included. */
export const samplesBetween = (
  samples: readonly Sample[],
  from: number,
  to: number,
): readonly Sample[] => samples.filter((sample) => sample.at >= from && sample.at <= to);

/** When the first write of a stretch was asked for that was then confirmed, or null. */
export const firstWrite = (samples: readonly Sample[]): number | null =>
  samples.find((sample) => sample.written !== null)?.at ?? null;

/**
 * Every confirmed insert is in the table.
 *
 * @throws naming how many are not.
 */
export async function proveNothingLost(pair: Pair, samples: readonly Sample[]): Promise<string> {
  const confirmed = samples.flatMap((sample) => (sample.written === null ? [] : [sample.written]));
  const answer = await psqlAtLeader(pair, 'select number from heartbeat');
  if (answer.status !== 0) throw new Error(`the database cannot be read: ${answer.stderr}`);
  const present = new Set(answer.stdout.split('\n').filter(Boolean).map(Number));
  const lost = confirmed.filter((number) => !present.has(number));
  if (lost.length > 0) throw new Error(`${lost.length} confirmed inserts are gone: ${lost.join()}`);
  return `${confirmed.length} confirmed inserts, all in the table`;
}

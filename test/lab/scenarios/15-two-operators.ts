// Scenario 15: two survivors, two operators, two bundles compiled before the incident: one after the
// other, and both in the same second. Never may two clusters accept writes.

import { hostOf, membersOf } from '../cluster.ts';
import {
  act,
  type Bundle,
  compileBundle,
  fencing,
  inventoryOf,
  type Operator,
  runScript,
  type ScriptRun,
  sendOperator,
  turnOfPhase,
} from '../operator.ts';
import {
  handOverToken,
  lose,
  type Outcome,
  type Prepared,
  prepare,
  type Scenario,
  type Stage,
  servers,
} from '../stage.ts';
import { type WriterWatch, watchWriters } from '../writers.ts';

const lost = ['host-3', 'host-4', 'host-5'];
const survivors = ['host-1', 'host-2'] as const;

export const twoOperatorsInTurn: Scenario = {
  name: '15',
  title: 'two operators, two bundles, one after the other: the second one must stop',
  generation: '0.9',
  run: (stage) =>
    withTwoOperators(stage, async (first, second) => {
      const ran = await advance(first, 3);
      if (!finished(ran)) throw new Error(`${ran.path} ended with status ${ran.status}`);
      stage.note('the first operator has finished phase 4');
      return [await proveRefused(second, 'host-1')];
    }),
};

export const twoOperatorsTogether: Scenario = {
  name: '15-together',
  title: 'two operators, two bundles, in the same second: one cluster at most',
  generation: '0.9',
  extra: true,
  long: true,
  run: (stage) =>
    withTwoOperators(stage, async (first, second, watch) => {
      const ends = await Promise.all([advance(first, 1), advance(second, 1)]);
      for (const ran of ends) {
        stage.note(`${ran.host} stopped in ${ran.path} with status ${ran.status}`);
      }
      const reached = ends.map((ran) => `${ran.host} got to ${ran.path} (status ${ran.status})`);
      const done = ends.filter(finished);
      if (done.length === 2) throw new Error(`both finished: ${reached.join('; ')}`);
      const [winner, loser] = done[0]?.host === 'host-2' ? [second, first] : [first, second];
      const [kept, given] = [hostIdOf(winner.bundle), hostIdOf(loser.bundle)];
      if (done.length === 0) {
        await runScript(loser, `undo/undo-on-${given}.sh`, ['--apply']);
        stage.note(`${given} gave up: its undo has run`);
        const ran = await advance(winner, 3, [given]);
        if (!finished(ran)) throw new Error(`${ran.path} ended with ${ran.status}:\n${ran.output}`);
      }
      const since = Date.now();
      const refused = await proveRefused(loser, kept);
      const writable = watch.writableSince(since);
      if (writable.join() !== kept) throw new Error(`writable: ${writable.join() || 'no host'}`);
      const joined = await bringBack(winner, given);
      return [...reached, refused, `only ${kept} accepts writes`, joined];
    }),
};

type Work = (first: Operator, second: Operator, watch: WriterWatch) => Promise<readonly string[]>;

/** Five servers, three lost, and an operator with a bundle of their own at each survivor. */
async function withTwoOperators(stage: Stage, work: Work): Promise<Outcome> {
  const prepared = await prepare(stage, servers(5));
  const { cluster } = prepared;
  const [first, second] = await Promise.all(survivors.map((id) => operatorAt(stage, prepared, id)));
  if (first === undefined || second === undefined) throw new Error('two operators are needed');
  await lose(stage, cluster, lost);
  const watch = watchWriters(cluster, survivors);
  const began = Date.now();
  const [worked] = await Promise.allSettled([work(first, second, watch)]);
  const seconds = (Date.now() - began) / 1000;
  const [watched] = await Promise.allSettled([watch.stop()]);
  // What was writable when says more than where an operator stopped, so both are reported.
  if (worked.status === 'rejected' || watched.status === 'rejected') {
    const failures = [worked, watched].filter((one) => one.status === 'rejected');
    throw new Error(failures.map(({ reason }) => String(reason)).join('\n'));
  }
  return {
    seconds,
    logIns: first.visits.length + second.visits.length,
    scriptRuns: first.runs.length + second.runs.length,
    proofs: [...worked.value, watched.value],
    verdict: 'one cluster',
  };
}

async function operatorAt(stage: Stage, { cluster }: Prepared, id: string): Promise<Operator> {
  const inventory = inventoryOf(cluster, {}, {});
  const bundle = await compileBundle(cluster, inventory, `for-${id}`, id);
  return sendOperator(cluster, bundle, `${stage.name}-${id}`, `/root/recovery-${id}`);
}

const hostIdOf = (bundle: Bundle): string => turnOfPhase(bundle, 1).host;

const finished = (ran: ScriptRun): boolean => ran.status === 0 && /^\d+-start-on-/.test(ran.path);

/**
 * Phases 1 to 4 as long as they end with 0. A script that ends with 75 runs up to `rounds` times.
 *
 * @param stopped hosts that are on, and that the operator knows to be stopped.
 */
async function advance(
  operator: Operator,
  rounds: number,
  stopped: readonly string[] = [],
): Promise<ScriptRun> {
  let last: ScriptRun | null = null;
  for (const phase of [1, 2, 3, 4] as const) {
    const turn = turnOfPhase(operator.bundle, phase);
    const vouched = phase === 1 ? fencing(operator, turn, stopped) : [];
    const options = ['--apply', ...vouched];
    for (let round = 1; round <= rounds; round += 1) {
      last = await runScript(operator, turn.path, options, [0, 75, 78]);
      if (last.status !== 75) break;
    }
    if (last?.status !== 0) break;
  }
  if (last === null) throw new Error('no script ran');
  return last;
}

/** The host that gave up is reattached to the cluster of the other one, with the Swarm's token. */
async function bringBack(winner: Operator, id: string): Promise<string> {
  const { bundle, cluster } = winner;
  const turn = bundle.turns.find((one) => one.role === 'reattach' && one.host === id);
  if (turn === undefined) throw new Error(`no script brings ${id} back`);
  await handOverToken(cluster, hostIdOf(bundle), id, 'manager');
  await act(winner, turn.path, ['--swarm-token-file', '/root/swarm-token']);
  const members = await membersOf(hostOf(cluster, hostIdOf(bundle)));
  const names = members.filter((one) => one.started && !one.learner).map((one) => one.name);
  if (!names.includes(id)) throw new Error(`${id} is no voter: ${names.join()}`);
  return `${id} votes in the cluster of ${hostIdOf(bundle)}`;
}

/** Phase 1 of the second operator stops, changes nothing and names the host of the first one. */
async function proveRefused(operator: Operator, kept: string): Promise<string> {
  const turn = turnOfPhase(operator.bundle, 1);
  const ran = await runScript(operator, turn.path, ['--apply', ...fencing(operator, turn)], [78]);
  if (!ran.output.includes(kept)) throw new Error(`the stop does not name ${kept}:\n${ran.output}`);
  const changes = ran.output.split('\n').filter((line) => / {2}run: /.test(line));
  if (changes.length > 0) throw new Error(`it changed something first: ${changes[0]}`);
  const { id } = hostOf(operator.cluster, turn.host);
  return `phase 1 on ${id} stops without a change and names ${kept}`;
}

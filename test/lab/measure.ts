// Turns repeated recoveries, by script and by hand, into medians and ratios for README.md.

import { cpus } from 'node:os';
import { etcdctl, hostOf } from './cluster.ts';
import { recoverByHand, saveSnapshotByHand } from './guide-by-hand.ts';
import { run } from './machines.ts';
import { act, compileBundle, inventoryOf, sendOperator, turnOfPhase } from './operator.ts';
import {
  lose,
  loseLeader,
  prepare,
  recover,
  returnBefore,
  returnHosts,
  type Stage,
  servers,
} from './stage.ts';

const lost = ['host-2', 'host-3'];
const states = { 'host-2': 'returning', 'host-3': 'returning' } as const;
const rounds = 3;

/**
 * Measures scenario 1 by script and by the guide's commands, and a large restore against bare
 * etcdutl.
 *
 * @returns a Markdown table.
 */
export async function measure(
  stageOf: (name: string) => Promise<Stage>,
  clear: () => Promise<void>,
): Promise<readonly string[]> {
  const scripts: { seconds: number; api: number; write: number }[] = [];
  const hands: { seconds: number; api: number }[] = [];
  let counts = '';
  let repairs: readonly string[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    const script = await byScript(await stageOf(`script ${round}`));
    scripts.push(script);
    counts = `${script.logIns} log-ins, ${script.scriptRuns} script runs, 0 edited values`;
    await clear();
    const hand = await byHand(await stageOf(`hand ${round}`));
    hands.push({ seconds: hand.seconds, api: hand.secondsToApi });
    repairs = hand.repairs;
    await clear();
  }
  const large = await restoreLarge(await stageOf('1 GiB'));
  await clear();
  const date = new Date().toISOString().slice(0, 10);
  const [own, guide] = [median(scripts.map((s) => s.seconds)), median(hands.map((h) => h.seconds))];
  const [ownApi, guideApi] = [median(scripts.map((s) => s.api)), median(hands.map((h) => h.api))];
  return [
    `Measured ${date}, ${cpus().length} cores (${cpus()[0]?.model ?? 'unknown'}), medians of`,
    `${rounds}: three servers, two lost, both back with their disks. ${counts}.`,
    '',
    '| | scripts | guide by hand | ratio |',
    '|---|---|---|---|',
    row('first script or block to verified', own, guide),
    row('until the API answers', ownApi, guideApi),
    `| until a database can write | ${show(median(scripts.map((s) => s.write)))} | | |`,
    row('restore of 1 GiB, against bare etcdutl', large.script, large.bare),
    '',
    "Repairs without which the guide's blocks do not work:",
    ...repairs.map((repair) => `- ${repair}`),
  ];
}

const show = (seconds: number): string => `${seconds.toFixed(1)} s`;

const row = (name: string, own: number, other: number): string =>
  `| ${name} | ${show(own)} | ${show(other)} | ${(own / other).toFixed(2)} |`;

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

async function byScript(stage: Stage): Promise<{
  readonly seconds: number;
  readonly api: number;
  readonly write: number;
  readonly logIns: number;
  readonly scriptRuns: number;
}> {
  const prepared = await prepare(stage, servers(3));
  await lose(stage, prepared.cluster, lost);
  await loseLeader(prepared.cluster);
  let booting = 0;
  const comeBack = returnBefore(stage, prepared.cluster, 'host-2', lost);
  const outcome = await recover(stage, prepared, {
    states,
    recovery: { host: 'host-1' },
    story: {
      before: async (turn, bundle, operator) => {
        const began = Date.now();
        await comeBack(turn, bundle, operator);
        booting += (Date.now() - began) / 1000;
      },
    },
    expected: { recoveryHost: 'host-1' },
  });
  // As by hand: the machines' boot is nobody's work.
  const { logIns, scriptRuns, api = Number.NaN, firstWrite = Number.NaN } = outcome;
  return { seconds: outcome.seconds - booting, api, write: firstWrite, logIns, scriptRuns };
}

async function byHand(stage: Stage): ReturnType<typeof recoverByHand> {
  const { cluster } = await prepare(stage, servers(3));
  await saveSnapshotByHand(cluster);
  await lose(stage, cluster, lost);
  await loseLeader(cluster);
  return recoverByHand(stage, cluster, lost, () => returnHosts(stage, cluster, lost));
}

/** Phase 2 as a whole with 1 GiB in etcd, and etcdutl alone with the same snapshot. */
async function restoreLarge(stage: Stage): Promise<{ script: number; bare: number }> {
  const { cluster } = await prepare(stage, servers(3));
  const recovery = hostOf(cluster, 'host-1');
  const value = 'x'.repeat(1 << 20);
  for (let number = 0; number < 1024; number += 1) {
    const put = await etcdctl(recovery, ['put', `/plan-lab/large/${number}`], { stdin: value });
    if (put.status !== 0) throw new Error(`cannot fill etcd: ${put.stderr}`);
  }
  stage.note('1 GiB written');
  await lose(stage, cluster, lost);
  const bundle = await compileBundle(cluster, inventoryOf(cluster, states, { host: 'host-1' }));
  const operator = await sendOperator(cluster, bundle, 'large');
  const prepareScript = turnOfPhase(bundle, 1).path;
  const restore = turnOfPhase(bundle, 2).path;
  const off = lost.flatMap((id) => ['--fenced', id]);
  await act(operator, prepareScript, off);
  // Alternately, so that neither has the warmer cache.
  const bare: number[] = [];
  const script: number[] = [];
  const folder = `${recovery.dataDirectory}/plan-recovery/${bundle.plan.name}`;
  for (let round = 1; round <= rounds; round += 1) {
    const goal = `/data/bare-${round}`;
    const bareRestore = `/opt/etcd/etcdutl snapshot restore ${folder}-1/snapshot.db --data-dir ${goal}`;
    const flags = '--bump-revision 1000000000 --mark-compacted';
    const alone = await run(recovery.machine, ['sh', '-c', `sync; ${bareRestore} ${flags}`]);
    bare.push(alone.seconds);
    await run(recovery.machine, ['rm', '-r', goal]);
    if (round > 1) {
      await act(operator, 'undo/undo-on-host-1.sh');
      await act(operator, prepareScript, off);
    }
    script.push((await act(operator, restore)).seconds);
  }
  stage.note(`restore: ${median(script)} s by script, ${median(bare)} s bare`);
  return { script: median(script), bare: median(bare) };
}

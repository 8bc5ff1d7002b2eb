// Scenario 19: the survivors of scenario 14, from "something is wrong" to the end, with nothing but
// triage.sh and recover.sh: triage.sh on every machine that is there, one comparison, one command.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Host, hostOf } from '../cluster.ts';
import { attempt, rootOf } from '../machines.ts';
import { carry } from '../operator.ts';
import { type Outcome, recover, returnBefore, type Scenario, type Stage } from '../stage.ts';
import { lost, type Survivors, survivors } from '../stale.ts';

/** Where the bundles for all recovery hosts lie on each machine. */
const carried = '/root/bundles';

/** Seconds that triage.sh may take, while the lab's machines share one computer. */
const limit = 15;

export const freshest: Scenario = {
  name: '19',
  title:
    '5 servers, 3 lost, one survivor stale: triage.sh finds the fresh one, recover.sh the rest',
  generation: '0.9',
  extra: true,
  long: true,
  run: async (stage) => {
    const all = await survivors(stage);
    const evidence = await triage(stage, all);
    const proof = await compare(stage, all, evidence);
    const outcome = await recoverFresh(stage, all);
    return { ...outcome, proofs: [proof, ...outcome.proofs] };
  },
};

/** Runs triage.sh on both survivors, and carries the evidence to the first. Returns its files there. */
async function triage(
  stage: Stage,
  { stale, fresh, right }: Survivors,
): Promise<readonly string[]> {
  const files: string[] = [];
  for (const host of [stale, fresh]) {
    // The same file for all recovery hosts is at the top, above the folder of each.
    await carry({ ...right, directory: join(right.directory, '..') }, host, carried);
    const began = Date.now();
    const ran = await attempt(host.machine, ['bash', `${carried}/triage.sh`, '--json']);
    const seconds = (Date.now() - began) / 1000;
    const why = `triage.sh on ${host.id}: status ${ran.status} after ${seconds.toFixed(1)} s`;
    if (ran.status !== 3) throw new Error(`${why}, not 3\n${ran.stdout}${ran.stderr}`);
    if (seconds > limit) throw new Error(`${why}\n${ran.stderr}`);
    stage.note(`${why}: the quorum is lost`);
    const file = `/root/evidence-${host.id}.json`;
    await writeFile(join(rootOf(stale.machine), file), ran.stdout);
    files.push(file);
  }
  return files;
}

/** The comparison, made on the stale host, recommends the fresh one and its bundle. */
async function compare(
  stage: Stage,
  { stale, fresh, revisions }: Survivors,
  files: readonly string[],
): Promise<string> {
  const argv = ['bash', `${carried}/triage.sh`, '--compare', ...files];
  const ran = await attempt(stale.machine, argv);
  const said = `${ran.stdout}${ran.stderr}`;
  for (const line of said.trimEnd().split('\n')) stage.note(`    ${line}`);
  if (ran.status !== 0) throw new Error(`--compare ended with ${ran.status}`);
  const wanted = [`${carried}/${fresh.id}`, 'bash recover.sh', ...revisions.map(String)];
  const absent = wanted.filter((word) => !said.includes(word));
  if (absent.length > 0) throw new Error(`the comparison does not name ${absent.join(', ')}`);
  return `triage.sh compares revision ${revisions.join(' with ')} and recommends ${fresh.id}`;
}

/** All five come back: the three lost ones with their disks, when recover.sh wants them. */
function recoverFresh(stage: Stage, { prepared, fresh, right }: Survivors): Promise<Outcome> {
  const first: Host = hostOf(prepared.cluster, 'host-3');
  const back = returnBefore(stage, prepared.cluster, first.id, lost);
  return recover(stage, prepared, {
    states: {},
    bundle: right,
    story: { recover: true, before: back },
    expected: { recoveryHost: fresh.id },
  });
}

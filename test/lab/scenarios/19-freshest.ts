// Scenario 19: the survivors of scenario 14, from "something is wrong" to the end, with nothing but
// triage.sh and recover.sh: triage.sh on every machine that is there, one comparison, one command.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Host, hostOf } from '../cluster.ts';
import { attempt, rootOf, run } from '../machines.ts';
import { type Bundle, carry } from '../operator.ts';
import { type Outcome, recover, returnBefore, type Scenario, type Stage } from '../stage.ts';
import { lost, type Survivors, survivors } from '../stale.ts';

/** Where the bundles for all recovery hosts lie on each machine. */
const carried = '/root/bundles';

/** Seconds that triage.sh may take, while the lab's machines share one computer. */
const limit = 10;

export const freshest: Scenario = {
  name: '19',
  title:
    '5 servers, 3 lost, one survivor stale: triage.sh finds the fresh one, recover.sh the rest',
  generation: '0.9',
  extra: true,
  long: true,
  run: async (stage) => {
    const times: string[] = [];
    const all = await survivors(stage, async (host, bundle) => {
      await carryAll(bundle, host);
      times.push((await triage(stage, host, 'healthy', 0)).time);
    });
    const { stale, fresh, right } = all;
    const evidence: string[] = [];
    for (const host of [stale, fresh]) {
      await carryAll(right, host);
      const { time, text } = await triage(stage, host, 'quorum lost', 3);
      times.push(time);
      const file = `/root/evidence-${host.id}.json`;
      await writeFile(join(rootOf(stale.machine), file), text);
      evidence.push(file);
    }
    times.push(...(await triageWithoutDocker(stage, stale)));
    const proof = await compare(stage, all, evidence);
    const outcome = await recoverFresh(stage, all);
    return { ...outcome, proofs: [proof, ...times, ...outcome.proofs] };
  },
};

/** The same file for all recovery hosts is at the top, above the folder of each. */
function carryAll(bundle: Bundle, host: Host): Promise<void> {
  return carry({ ...bundle, directory: join(bundle.directory, '..') }, host, carried);
}

/** Runs triage.sh on a host: its evidence, and how long it took. */
async function triage(
  stage: Stage,
  host: Host,
  state: string,
  wanted: number,
): Promise<{ readonly text: string; readonly time: string }> {
  const began = Date.now();
  const ran = await attempt(host.machine, ['bash', `${carried}/triage.sh`, '--json']);
  const seconds = (Date.now() - began) / 1000;
  const time = `triage.sh on ${host.id} (${state}): ${seconds.toFixed(1)} s, status ${ran.status}`;
  stage.note(time);
  if (ran.status !== wanted || seconds > limit) {
    throw new Error(`${time}, wanted ${wanted} within ${limit} s\n${ran.stdout}${ran.stderr}`);
  }
  return { text: ran.stdout, time };
}

/** Docker that hangs, and Docker that is off: triage.sh says so, and the etcd still answers. */
async function triageWithoutDocker(stage: Stage, host: Host): Promise<readonly string[]> {
  const signal = (name: string) => run(host.machine, ['pkill', `-${name}`, '-x', 'dockerd']);
  const socket = '/var/run/docker.sock';
  await signal('STOP');
  const hung = await triage(stage, host, 'Docker hangs', 3).finally(() => signal('CONT'));
  await run(host.machine, ['mv', socket, `${socket}.away`]);
  const off = await triage(stage, host, 'Docker is off', 3).finally(() =>
    run(host.machine, ['mv', `${socket}.away`, socket]),
  );
  return [hung.time, off.time];
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

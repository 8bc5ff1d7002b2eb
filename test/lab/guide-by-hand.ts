// Turns the guide's own commands (guide-by-hand.txt), pasted on the lab's machines, into a time to
// compare the scripts with. People's own time between the blocks is not counted.

import { readFile } from 'node:fs/promises';
import { type Cluster, type Host, hostOf } from './cluster.ts';
import { run } from './machines.ts';
import type { Stage } from './stage.ts';

/** One block; `about` is the lost host it is about, where there is one. */
type Block = {
  readonly guide: string;
  readonly on: string;
  readonly about: string | null;
  readonly text: string;
};

type Section = {
  readonly guide: string;
  readonly where: string;
  readonly text: string;
  readonly repairs: readonly string[];
};

export type ByHand = {
  /** Machine time of all blocks, without the lost machines' boot. */
  readonly seconds: number;
  /** From the first block until `/v1/hosts` answered 200. */
  readonly secondsToApi: number;
  readonly blocks: number;
  readonly repairs: readonly string[];
};

/** What a person edits into the shell of each machine before its blocks. */
async function settings(recovery: Host, host: Host, lost: Host | null): Promise<string> {
  const values = {
    PGEDGE_DATA_DIR: host.dataDirectory,
    RECOVERY_HOST_IP: recovery.machine.address,
    RECOVERY_HOST_ID: recovery.id,
    SNAPSHOT_PATH: `${recovery.dataDirectory}/snapshot.db`,
    ETCD_CLIENT_PORT: String(recovery.ports.etcdClient),
    ETCD_PEER_PORT: String(recovery.ports.etcdPeer),
    API_PORT: String(recovery.ports.api),
    CONTROL_PLANE_USER: '1001',
    CONTROL_PLANE_GROUP: '1001',
    LOST_HOST_ID: lost?.id ?? '',
    LOST_HOST_IP: lost?.machine.address ?? '',
  };
  const lines = Object.entries(values).map(([name, value]) => `${name}='${value}'`);
  return `set -euo pipefail\n${lines.join('\n')}\n${(await sections()).preamble}\n`;
}

/** The file's blocks, and the shell lines that give etcdctl its many options. */
async function sections(): Promise<{
  readonly preamble: string;
  readonly list: readonly Section[];
}> {
  const text = await readFile(new URL('./guide-by-hand.txt', import.meta.url), 'utf8');
  const preamble = await readFile(new URL('./guide-by-hand-flags.txt', import.meta.url), 'utf8');
  const list = text
    .split(/^== /m)
    .slice(1)
    .map((section) => {
      const [head = '', ...lines] = section.trimEnd().split('\n');
      const cut = head.indexOf(' ');
      const repairs = lines.filter((line) => line.startsWith('repair: '));
      const commands = lines.filter((line) => !line.startsWith('repair: '));
      const [guide, where] = [head.slice(0, cut), head.slice(cut + 1)];
      return { guide, where, text: commands.join('\n'), repairs: repairs.map((r) => r.slice(8)) };
    });
  return { preamble, list };
}

/** Guide 1.1 while there still is a quorum: the guide knows no other good snapshot. */
export async function saveSnapshotByHand(cluster: Cluster): Promise<void> {
  const recovery = hostOf(cluster, 'host-1');
  const text = await readFile(new URL('./guide-by-hand-snapshot.txt', import.meta.url), 'utf8');
  await paste(cluster, { guide: '1.1', on: recovery.id, about: null, text });
}

/** Types the guide: host-1 is the recovery host, `lost` are lost and come back in `comeBack`. */
export async function recoverByHand(
  stage: Stage,
  cluster: Cluster,
  lost: readonly string[],
  comeBack: () => Promise<void>,
): Promise<ByHand> {
  const { list } = await sections();
  let seconds = 0;
  let secondsToApi = 0;
  let blocks = 0;
  const type = async (chosen: readonly Section[], about: string | null): Promise<void> => {
    for (const { guide, where, text } of chosen) {
      const on = where === 'LOST there' && about !== null ? about : 'host-1';
      const began = Date.now();
      await paste(cluster, { guide, on, about, text });
      seconds += (Date.now() - began) / 1000;
      blocks += 1;
      if (guide === '4.2') secondsToApi = seconds;
    }
  };
  const phase = (number: string): readonly Section[] =>
    list.filter((section) => section.guide.startsWith(`${number}.`));
  for (const number of ['1', '2', '3', '4']) await type(phase(number), null);
  stage.note(`by hand: API after ${secondsToApi.toFixed(1)} s`);
  await comeBack();
  for (const id of lost) await type(phase('5'), id);
  for (const id of lost) await type(phase('6'), id);
  await type(phase('8'), null);
  stage.note(`by hand: verified after ${seconds.toFixed(1)} s`);
  const repairs = list.flatMap((s) => s.repairs.map((repair) => `${s.guide}: ${repair}`));
  return { seconds, secondsToApi, blocks, repairs };
}

async function paste(cluster: Cluster, block: Block): Promise<void> {
  const host = hostOf(cluster, block.on);
  const lost = block.about === null ? null : hostOf(cluster, block.about);
  const stdin = `${await settings(hostOf(cluster, 'host-1'), host, lost)}${block.text}\n`;
  await run(host.machine, ['bash', '-s'], { stdin, timeout: 400 });
}

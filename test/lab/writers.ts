// Asks several hosts' etcd for a write all the time, to show that never two clusters accept one.

import { setTimeout as sleep } from 'node:timers/promises';
import { type Cluster, etcdctl, hostOf } from './cluster.ts';

/** One accepted write: when it was asked for and answered, and the cluster that accepted it. */
type Accepted = {
  readonly host: string;
  readonly clusterId: string;
  readonly asked: number;
  readonly answered: number;
};

export type WriterWatch = {
  /** Ends the watch and proves that no two clusters were writable at the same time. */
  readonly stop: () => Promise<string>;
  /** Hosts that accepted a write since the given moment. */
  readonly writableSince: (moment: number) => readonly string[];
};

/** Writes to each host's own etcd about twice a second. */
export function watchWriters(cluster: Cluster, ids: readonly string[]): WriterWatch {
  const accepted: Accepted[] = [];
  let asked = 0;
  let running = true;
  const loops = ids.map(async (id) => {
    while (running) {
      asked += 1;
      const write = await tryWrite(cluster, id).catch(() => null);
      if (write !== null) accepted.push(write);
      await sleep(300);
    }
  });
  let stopped: Promise<string> | null = null;
  const end = async (): Promise<string> => {
    running = false;
    await Promise.all(loops);
    return proveOneWritable(ids, accepted, asked);
  };
  return {
    stop: () => {
      stopped ??= end();
      return stopped;
    },
    writableSince: (moment) => [
      ...new Set(accepted.filter((write) => write.asked >= moment).map((write) => write.host)),
    ],
  };
}

async function tryWrite(cluster: Cluster, id: string): Promise<Accepted | null> {
  const host = hostOf(cluster, id);
  if (host.machine.power.pid === null) return null;
  const asked = Date.now();
  const put = ['put', `/plan-lab/writer/${id}`, String(asked), '--write-out', 'json'];
  const limits = ['--command-timeout', '1s', '--dial-timeout', '1s'];
  const { status, stdout } = await etcdctl(host, [...put, ...limits]);
  if (status !== 0) return null;
  // As text: the id exceeds what JSON numbers hold.
  const clusterId = /"cluster_id":(\d+)/.exec(stdout)?.[1] ?? '';
  return { host: id, clusterId, asked, answered: Date.now() };
}

/**
 * A cluster counts as writable from its first accepted write to its last one. The times of two
 * clusters must not overlap.
 */
function proveOneWritable(
  ids: readonly string[],
  accepted: readonly Accepted[],
  asked: number,
): string {
  const spans = new Map<string, { host: string; from: number; to: number }>();
  for (const { host, clusterId, asked: from, answered: to } of accepted) {
    const span = spans.get(clusterId) ?? { host, from, to };
    spans.set(clusterId, {
      host: span.host === host ? host : `${span.host} and ${host}`,
      from: Math.min(span.from, from),
      to: Math.max(span.to, to),
    });
  }
  const list = [...spans].sort(([, a], [, b]) => a.from - b.from);
  const start = list[0]?.[1].from ?? 0;
  const intervals = list.map(([clusterId, { host, from, to }]) => {
    const at = (moment: number): string => ((moment - start) / 1000).toFixed(1);
    return `cluster ${clusterId} on ${host} from ${at(from)} s to ${at(to)} s`;
  });
  for (let index = 1; index < list.length; index += 1) {
    const earlier = list.slice(0, index).map(([, span]) => span.to);
    if ((list[index]?.[1].from ?? 0) < Math.max(...earlier)) {
      throw new Error(`two clusters accepted writes at the same time: ${intervals.join('; ')}`);
    }
  }
  const places = ids.join(' and ');
  return `${asked} writes tried on ${places}, never two clusters writable: ${intervals.join('; ')}`;
}

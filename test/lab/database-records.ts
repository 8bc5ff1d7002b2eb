// Turns a database id and host ids into a database of the Control Plane, and back.

import { ask, type Cluster, type Host, mustAnswer, serversOf } from './cluster.ts';
import { until } from './machines.ts';

/**
 * Creates a database with one instance on each host and waits for its task. A real Control Plane has
 * no Postgres image here, so there it ends as `failed`, with its instance records in place. That takes
 * seconds to minutes: each Docker release gives up pulling after another time.
 */
export async function createDatabase(
  cluster: Cluster,
  id: string,
  hostIds: readonly string[],
): Promise<void> {
  const [asked] = serversOf(cluster);
  if (asked === undefined) throw new Error('a cluster needs a server host');
  const nodes = hostIds.map((host, index) => ({ name: `n${index + 1}`, host_ids: [host] }));
  const admin = { username: 'admin', password: 'pw', db_owner: true, attributes: ['LOGIN'] };
  const spec = { database_name: 'app', database_users: [admin], nodes };
  const made = await mustAnswer(cluster, asked, 'POST', '/v1/databases', [200], { id, spec });
  const { task } = made as { readonly task: { readonly task_id: string } };
  await until(`the creation of ${id}`, 600, async () => {
    const path = `/v1/databases/${id}/tasks/${task.task_id}`;
    const { body } = await ask(cluster, asked, 'GET', path);
    const status = (body as { readonly status?: string } | null)?.status ?? '';
    return ['completed', 'failed'].includes(status) ? true : null;
  });
}

/** The hosts a database's spec lists, sorted. */
export async function hostsOfDatabase(
  cluster: Cluster,
  asked: Host,
  id: string,
): Promise<readonly string[]> {
  const body = await mustAnswer(cluster, asked, 'GET', `/v1/databases/${id}`, [200]);
  const { spec } = body as {
    readonly spec: { readonly nodes: readonly { readonly host_ids: readonly string[] }[] };
  };
  return spec.nodes.flatMap((node) => node.host_ids).sort();
}

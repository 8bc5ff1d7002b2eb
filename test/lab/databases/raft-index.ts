// Turns a cluster of minutes into one whose raft index is as far on as that of an older one.

import { credentialsOf, type Host } from '../cluster.ts';
import { run } from '../machines.ts';

/**
 * Proposes `count` times what changes nothing: each costs one raft index and no revision.
 *
 * A login token of etcd carries the index of its day. A restored etcd starts near index 5, and
 * what the token does there (control-plane-facts, "Old login tokens") shows only while its index
 * is ahead: months in production, seconds in a cluster as young as the lab's.
 */
export async function ageRaftIndex(host: Host, count: number): Promise<void> {
  const { user, password } = await credentialsOf(host);
  const gateway = `https://${host.machine.address}:${host.ports.etcdClient}/v3`;
  const certificates = `${host.dataDirectory}/certificates`;
  const files = ['--cacert', `${certificates}/ca.crt`, '--cert', `${certificates}/etcd-user.crt`];
  const tls = [...files, '--key', `${certificates}/etcd-user.key`];
  const silent = ['curl', '--silent', '--show-error', '--fail', ...tls];
  const login = await run(
    host.machine,
    [...silent, '--data', '@-', `${gateway}/auth/authenticate`],
    {
      stdin: JSON.stringify({ name: user, password }),
    },
  );
  const { token } = JSON.parse(login.stdout) as { readonly token: string };
  // The token goes in with the configuration: arguments are for everyone to read.
  const config = [
    `url = "${gateway}/lease/revoke#[1-${count}]"`,
    `header = "Authorization: ${token}"`,
    'data = "{\\"ID\\":\\"1\\"}"',
    'output = "/dev/null"',
  ].join('\n');
  // Every answer is a 404 (no such lease), which is what costs nothing but an index.
  const many = ['--parallel', '--parallel-max', '50', '--config', '-'];
  await run(host.machine, ['curl', '--silent', ...tls, ...many], { stdin: config });
}

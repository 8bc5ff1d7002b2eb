// Turns a bare Debian into a computer the lab runs on, or into a message that names what it lacks.

import { access, readFile } from 'node:fs/promises';
import { $, which } from 'zx';

/** Command to look for, and the Debian package that brings it. */
const needed: Readonly<Record<string, string>> = {
  busybox: 'busybox-static',
  curl: 'curl',
  docker: 'docker.io',
  dockerd: 'docker.io',
  ip: 'iproute2',
  iptables: 'iptables',
  jq: 'jq',
  nsenter: 'util-linux',
  openssl: 'openssl',
  setpriv: 'util-linux',
  unshare: 'util-linux',
};

/**
 * Installs what the lab needs, as root on Debian.
 *
 * @throws where it may not: the message names the packages.
 */
export async function meetRequirements(): Promise<void> {
  if (process.platform !== 'linux') throw new Error('the lab needs Linux');
  if (process.getuid?.() !== 0) throw new Error('the lab needs root: sudo npm run lab');
  const packages = await missing();
  if (packages.length === 0) return;
  const debian = await access('/usr/bin/apt-get').then(
    () => true,
    () => false,
  );
  if (!debian) throw new Error(`the lab needs, by their Debian names: ${packages.join(' ')}`);
  console.log(`lab: installing ${packages.join(' ')}`);
  // A dockerd that starts by itself would be in the way of nothing, but it would be left behind.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  await $({ quiet: true, env })`apt-get update`;
  await $({ quiet: true, env })`apt-get install -y --no-install-recommends ${packages}`;
  const still = await missing();
  if (still.length > 0) throw new Error(`still missing after installing: ${still.join(' ')}`);
}

async function missing(): Promise<readonly string[]> {
  const packages = new Set<string>();
  for (const [command, name] of Object.entries(needed)) {
    if ((await which(command, { nothrow: true })) === null) packages.add(name);
  }
  const filesystems = await readFile('/proc/filesystems', 'utf8');
  if (!filesystems.includes('overlay')) {
    await $({ quiet: true, nothrow: true })`modprobe overlay`;
  }
  return [...packages].sort();
}

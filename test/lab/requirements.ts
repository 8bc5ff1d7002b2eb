// Turns a bare Debian into a computer the lab runs on, or into a message that names what is missing.

import { access, readFile } from 'node:fs/promises';
import { $, which } from 'zx';
import type { Engine } from './engine/build.ts';

/** Command to look for, and the Debian packages that bring it. */
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

/** What building the current Docker engine needs too: runc uses cgo. */
const neededForEngine: Readonly<Record<string, string>> = { gcc: 'gcc libc6-dev' };

/**
 * Installs what the lab needs, as root on Debian.
 *
 * @throws where it may not: the message names the packages.
 */
export async function meetRequirements(engine: Engine['name']): Promise<void> {
  if (process.platform !== 'linux') throw new Error('the lab needs Linux');
  if (process.getuid?.() !== 0) throw new Error('the lab needs root: sudo npm run lab');
  const wanted = engine === 'current' ? { ...needed, ...neededForEngine } : needed;
  const packages = await missing(wanted);
  if (packages.length === 0) return;
  const debian = await access('/usr/bin/apt-get').then(
    () => true,
    () => false,
  );
  if (!debian) throw new Error(`the lab needs, by their Debian names: ${packages.join(' ')}`);
  console.log(`lab: installing ${packages.join(' ')}`);
  // A dockerd that starts automatically would be in the way of nothing, but it would be left behind.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  await $({ quiet: true, env })`apt-get update`;
  await $({ quiet: true, env })`apt-get install -y --no-install-recommends ${packages}`;
  const still = await missing(wanted);
  if (still.length > 0) throw new Error(`still missing after installing: ${still.join(' ')}`);
}

async function missing(wanted: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const packages = new Set<string>();
  for (const [command, name] of Object.entries(wanted)) {
    if ((await which(command, { nothrow: true })) !== null) continue;
    for (const one of name.split(' ')) packages.add(one);
  }
  const filesystems = await readFile('/proc/filesystems', 'utf8');
  if (!filesystems.includes('overlay')) {
    await $({ quiet: true, nothrow: true })`modprobe overlay`;
  }
  return [...packages].sort();
}

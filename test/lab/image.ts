// Turns a Control Plane binary (the stand-in, or a real one) into a tar for `docker import`.

import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { $ } from 'zx';
import { buildStandIn } from './stand-in/build.ts';

/** The Control Plane that runs in every container of the lab. */
export type ControlPlane = {
  /** `stand-in`, or the name of a real binary. */
  readonly name: string;
  /** API generation: 0.6 knows no etcd_mode and no reattachment. */
  readonly generation: '0.6' | '0.9';
  /** Tar of a root file system for `docker import`. */
  readonly image: string;
};

const cache = fileURLToPath(new URL('../../.cache/lab/', import.meta.url));

/**
 * The real binary that `PLAN_LAB_CONTROL_PLANE` names, or the stand-in in the generation asked for.
 * A real binary's generation is given by `PLAN_LAB_GENERATION`; it has no other.
 */
export async function controlPlane(generation: '0.6' | '0.9'): Promise<ControlPlane> {
  await mkdir(cache, { recursive: true });
  const real = process.env.PLAN_LAB_CONTROL_PLANE;
  if (real !== undefined) {
    const name = real.split('/').at(-1) ?? real;
    return { name, generation: realGeneration(), image: await pack(real) };
  }
  const binary = await buildStandIn();
  return { name: 'stand-in', generation, image: await pack(binary) };
}

/** The generation of the real binary under test. */
export function realGeneration(): '0.6' | '0.9' {
  return process.env.PLAN_LAB_GENERATION === '0.6' ? '0.6' : '0.9';
}

/** Binary, a static shell to look around with, and the folders a container needs. */
async function pack(binary: string): Promise<string> {
  const digest = createHash('sha256')
    .update(await readFile(binary))
    .digest('hex')
    .slice(0, 16);
  const image = join(cache, `image-${digest}.tar`);
  if (
    await readFile(image).then(
      () => true,
      () => false,
    )
  )
    return image;
  const tree = await mkdtemp(join(cache, 'image-'));
  await $({ quiet: true })`mkdir -p ${tree}/bin ${tree}/tmp ${tree}/etc`;
  await $({ quiet: true })`cp ${binary} ${tree}/pgedge-control-plane`;
  await $({ quiet: true })`chmod 755 ${tree} ${tree}/pgedge-control-plane`;
  await $({ quiet: true })`cp /bin/busybox ${tree}/bin/busybox`;
  await $({ quiet: true })`ln -s busybox ${tree}/bin/sh`;
  await $({ quiet: true })`tar -C ${tree} -cf ${image}.new .`;
  await rename(`${image}.new`, image);
  await rm(tree, { recursive: true, force: true });
  return image;
}

// Turns the Go files in this folder into the static binary of the stand-in Control Plane.

import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { $ } from 'zx';
import { findGo } from '../../tools/build.ts';

const here = fileURLToPath(new URL('.', import.meta.url));
const cache = fileURLToPath(new URL('../../../.cache/lab/', import.meta.url));

/** Builds the stand-in (Go's own cache makes a second time quick); returns the binary's path. */
export async function buildStandIn(): Promise<string> {
  await mkdir(cache, { recursive: true });
  const binary = join(cache, 'plan-lab-control-plane');
  const fresh = `${binary}.${process.pid}`;
  const env = { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-mod=readonly -buildvcs=false' };
  await $({
    cwd: here,
    quiet: true,
    env,
  })`${await findGo()} build -trimpath -ldflags=-s -o ${fresh} .`;
  // A rename, so that a binary in use is never half written.
  await rename(fresh, binary);
  return binary;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  console.log(await buildStandIn());
}

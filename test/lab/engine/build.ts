// Builds the Docker engine that the machines of the lab run, if it is not Debian's own.

import { fileURLToPath } from 'node:url';
import { buildPinned } from '../../tools/build.ts';

/** The Docker engine of the lab's machines. */
export type Engine = {
  readonly name: 'debian' | 'current';
  /** Directory of dockerd and runc, or null for those of the outer computer. */
  readonly directory: string | null;
  readonly options: readonly string[];
};

/**
 * Debian's engine as it is installed, or a current one: dockerd and runc built from the go.mod in
 * this folder, with Debian's containerd.
 */
export async function dockerEngine(name: Engine['name']): Promise<Engine> {
  if (name === 'debian') return { name, directory: null, options: [] };
  const directory = await buildPinned({
    from: fileURLToPath(new URL('.', import.meta.url)),
    into: 'engine',
    packages: {
      dockerd: { source: 'github.com/moby/moby/v2/cmd/dockerd', cgo: false },
      runc: { source: 'github.com/opencontainers/runc', cgo: true },
    },
    sources: ['go.mod', 'go.sum'],
    go: { minor: 26, patch: 3, toolchain: 'go1.26.8' },
  });
  // Images: Debian's containerd is too old for the new store. Seccomp: runc is built without it.
  const images = ['--feature', 'containerd-snapshotter=false'];
  return { name, directory, options: [...images, '--seccomp-profile', 'unconfined'] };
}

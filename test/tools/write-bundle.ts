// Files of a bundle -> a directory, as `plan compile --no-lint` writes it.

import type { Contents } from '../../compiler/bundle/bundle.ts';
import { deliver } from '../../compiler/bundle/deliver.ts';

/** Writes a bundle. Throws if it cannot be written. */
export async function writeBundle(directory: string, files: Contents): Promise<void> {
  const { diagnostics, delivered } = await deliver(
    files,
    { directory, compareOnly: false, diff: false },
    { enabled: false, shellcheck: null, required: false, progress: () => {} },
  );
  if (delivered === null) throw new Error(diagnostics.map(({ what }) => what).join('; '));
}

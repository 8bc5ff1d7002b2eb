// Chromium of the machine, which opens the runbook as people do.

import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';

/** Starts Chromium. Throws if there is none: the tests are never left out. */
export function startChromium(): Promise<Browser> {
  const found = (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, 'chromium'))
    .find(isExecutable);
  if (found === undefined) {
    throw new Error('chromium is missing: run bash test/prerequisites.sh, then the tests again');
  }
  // Its sandbox cannot be used by root. The pages are our own.
  const sandbox = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  return chromium.launch({ executablePath: found, args: [...sandbox, '--disable-dev-shm-usage'] });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

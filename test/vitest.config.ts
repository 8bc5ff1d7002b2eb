import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  root: fileURLToPath(new URL('..', import.meta.url)),
  // A machine that does other things at the same time makes no test fail.
  test: { include: ['test/compiler/**/*.test.ts', 'test/*.test.ts'], testTimeout: 60_000 },
});

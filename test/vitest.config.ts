import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  root: fileURLToPath(new URL('..', import.meta.url)),
  test: {
    include: ['test/{browser,compiler,house}/**/*.test.ts', 'test/*.test.ts'],
    // vitest leaves one processor to the person at the keyboard; nobody waits for another window here.
    maxWorkers: '100%',
    // A machine that does other things at the same time makes no test fail.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});

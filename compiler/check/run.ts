// A command -> what it printed. It has a limit of time and of output, and leaves no process behind.

import { spawn } from 'node:child_process';

/** What became of a command. */
export interface Ran {
  readonly stdout: string;
  /** Null if it did not end on its own. */
  readonly status: number | null;
  /** The first line that says something: of its errors, or else of its output. */
  readonly firstLine: string | null;
  /** Why the command did not run to its end, or null. */
  readonly failure: string | null;
}

/** How a command is run. */
export interface RunOptions {
  readonly cwd: string;
  /** In milliseconds. */
  readonly limit: number;
}

const mostOutput = 64 * 1024 * 1024;

const running = new Set<() => void>();
process.on('exit', () => {
  for (const kill of running) kill();
});

/** Runs a command without a shell: a bundle has more paths than a shell command line can hold. */
export function run(command: string, args: readonly string[], options: RunOptions): Promise<Ran> {
  return new Promise((resolve) => {
    // A group of its own, so that what a script starts is ended with it.
    const child = spawn(command, args, {
      cwd: options.cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    const kill = () => {
      if (child.pid === undefined) return;
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch {
        // It has ended.
      }
    };
    running.add(kill);
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    let size = 0;
    let finished = false;
    const finish = (failure: string | null, status: number | null) => {
      if (finished) return;
      finished = true;
      clearTimeout(timer);
      kill();
      running.delete(kill);
      child.stdout.destroy();
      child.stderr.destroy();
      const [stdout, stderr] = [out, err].map((chunks) => Buffer.concat(chunks).toString('utf8'));
      resolve({ stdout: stdout ?? '', status, failure, firstLine: firstOf(stderr, stdout) });
    };
    const timer = setTimeout(
      () => finish(`it gave no result in ${options.limit / 1000} s and was ended`, null),
      options.limit,
    );
    const take = (chunks: Buffer[]) => (chunk: Buffer) => {
      chunks.push(chunk);
      size += chunk.length;
      if (size > mostOutput) finish('it printed more than 64 MiB and was ended', null);
    };
    child.stdout.on('data', take(out));
    child.stderr.on('data', take(err));
    child.on('error', (error) => finish(error.message, null));
    child.on('close', (status, signal) => {
      finish(signal === null ? null : `it was ended by ${signal}`, status);
    });
  });
}

function firstOf(...texts: readonly (string | undefined)[]): string | null {
  const lines = texts.flatMap((text = '') => text.slice(0, 10_000).split('\n'));
  return lines.find((line) => line.trim() !== '')?.slice(0, 300) ?? null;
}

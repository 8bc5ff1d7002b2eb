// How a run of plan ends that has no result: an error of the operating system, a bug, a signal.

import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { isRefusal, messageOf } from '../bundle/text.ts';
import { diagnostic } from '../diagnostic.ts';
import { type OutputOptions, report } from './output.ts';

/** Prints why a command did not finish. Only a bug of ours shows where it was thrown. */
export async function reportFailure(error: unknown, args: readonly string[]): Promise<void> {
  const isBug = !isRefusal(error);
  const what = isBug ? (error instanceof Error ? error.message : String(error)) : messageOf(error);
  const found = diagnostic(
    isBug ? 'RUN002' : 'RUN001',
    { file: 'plan', position: null },
    isBug
      ? {
          what: `internal error: ${what}`,
          why: 'This is a bug in plan.',
          remedy: 'Please report it, with the lines that follow.',
        }
      : { what, why: 'The command cannot go on.', remedy: 'Fix the reason and run it again.' },
  );
  await report({ exit: 2, diagnostics: [found], result: null }, formOf(args));
  if (isBug && error instanceof Error) process.stderr.write(`${error.stack}\n`);
}

/** The form of the output that the arguments ask for, also if they could not be read. */
function formOf(args: readonly string[]): OutputOptions {
  const at = args.indexOf('--format');
  const named = at < 0 ? args.find((each) => each.startsWith('--format='))?.slice(9) : args[at + 1];
  const format = (['json', 'github', 'sarif'] as const).find((each) => each === named);
  if (args.includes('--json')) return { json: true };
  return format === undefined ? {} : { format };
}

/** Streams that fail: a reader that has seen enough is no error, a full disk is one. */
export function watchOutput(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') return;
    process.exitCode = 2;
    process.stderr.write(
      `plan: error[RUN003]: standard output cannot be written: ${messageOf(error)}\n`,
    );
  });
  // There is no other place to complain in.
  process.stderr.on('error', () => {});
}

/** Ctrl-C, the end of a session and kill: a message and 128 + number; what was begun is undone on exit. */
export function watchSignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    if (isIgnored(constants.signals[signal])) continue;
    process.once(signal, () => {
      process.stderr.write(`plan: stopped by ${signal}; what was not finished was removed\n`);
      process.exit(128 + constants.signals[signal]);
    });
  }
}

/** Whether the parent wants a signal ignored, as nohup does. Only Linux says. */
function isIgnored(number: number): boolean {
  try {
    const status = readFileSync('/proc/self/status', 'utf8');
    const mask = /^SigIgn:\s*([0-9a-f]+)$/mu.exec(status)?.[1] ?? '0';
    return ((BigInt(`0x${mask}`) >> BigInt(number - 1)) & 1n) === 1n;
  } catch {
    return false;
  }
}

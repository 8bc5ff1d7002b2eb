// Turns a stretch of time into the arguments of every program that was started in it, anywhere.

import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { recordProcess, type State } from './state.ts';

/** What was started while a recorder ran. */
export type Recording = {
  /** How many program starts the kernel reported. */
  readonly execs: number;
  /** How many of them were still there to be read; the others lived for microseconds. */
  readonly read: number;
  /** How often the kernel dropped events; more than 0 means the proof has a hole. */
  readonly lost: number;
  /** One line per start: its arguments as JSON. */
  readonly lines: readonly string[];
};

/**
 * Records program starts in all namespaces of this computer until `stop` is called.
 *
 * @param tools directory that holds exec-recorder.
 */
export async function startRecorder(
  state: State,
  tools: string,
): Promise<{ readonly stop: () => Promise<Recording> }> {
  const file = join(state.directory, 'execs.jsonl');
  // Ends with this process, however that ends.
  const tied = ['setpriv', '--pdeathsig', 'KILL', join(tools, 'exec-recorder'), file];
  const [command = '', ...rest] = tied;
  const child = spawn(command, rest, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  const begun = new Promise<void>((resolve, reject) => {
    child.stdout.once('data', () => resolve());
    child.once('error', reject);
    child.once('close', (status) => reject(new Error(`exec-recorder ended: ${status}`)));
  });
  if (child.pid !== undefined) await recordProcess(state, child.pid);
  await begun;
  let stopped: Promise<Recording> | null = null;
  const read = async (): Promise<Recording> => {
    child.kill('SIGTERM');
    await ended;
    const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
    const tally = JSON.parse(lines.pop() ?? '{}') as Omit<Recording, 'lines'>;
    return { ...tally, lines };
  };
  const stop = (): Promise<Recording> => {
    stopped ??= read();
    return stopped;
  };
  return { stop };
}

/** The lines that hold one of the secrets; none is what every scenario must show. */
export function linesWith(recording: Recording, secrets: readonly string[]): readonly string[] {
  return recording.lines.filter((line) => secrets.some((secret) => line.includes(secret)));
}

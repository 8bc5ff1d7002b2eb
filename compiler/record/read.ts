// Text of a host's record.jsonl -> its entries, or what is wrong with it and where.

import * as z from 'zod';
import { type Diagnostic, diagnostic } from '../diagnostic.ts';
import type { ValueOf } from '../hosts.ts';

/** What every line has. `run` is the same in the start and the end of one run on one host. */
const common = {
  /** ISO 8601 with the offset of the host, such as 2026-11-27T03:12:00+0100. */
  time: z.string().regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4}$/u),
  host: z.string(),
  plan: z.string(),
  incident: z.int().min(1),
  script: z.string(),
  run: z.string(),
  /** The user id of the log-in (/proc/self/loginuid); 4294967295 or empty if there is none. */
  login: z.string(),
};

/** A run that begins: the SHA-256 of its text, and its arguments. */
const startEntry = z.strictObject({
  ...common,
  event: z.literal('start'),
  sha256: z.string(),
  arguments: z.array(z.string()),
});

/** A run that ended: exit status, its last guide step, seconds it took, changes it made. */
const endEntry = z.strictObject({
  ...common,
  event: z.literal('end'),
  status: z.int(),
  step: z.string(),
  seconds: z.number(),
  changes: z.int(),
  /** The statement of loss, if there is one by then. */
  loss: z.string().nullable(),
  /** The hosts a person confirmed as stopped, separated by spaces. */
  fenced: z.string().nullable(),
});

const entry = z.discriminatedUnion('event', [startEntry, endEntry]);

/** A line of a record, which the scripts write (templates/library/2-start.sh). */
export type Entry = ValueOf<typeof entry>;

/** The entries of a record. The last line may be cut short by a power cut: that is a warning. */
export function readRecord(
  text: string,
  file: string,
): { readonly entries: readonly Entry[]; readonly diagnostics: readonly Diagnostic[] } {
  const entries: Entry[] = [];
  const diagnostics: Diagnostic[] = [];
  const lines = text.split('\n');
  for (const [at, line] of lines.entries()) {
    if (line === '') continue;
    const read = entry.safeParse(parsed(line));
    if (read.success) entries.push(read.data);
    else diagnostics.push(unreadable(file, at + 1, at === lines.length - 1));
  }
  if (entries.length === 0 && diagnostics.length === 0)
    diagnostics.push(unreadable(file, 1, false));
  return { entries, diagnostics };
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}

function unreadable(file: string, line: number, cut: boolean): Diagnostic {
  return diagnostic(
    cut ? 'RCD002' : 'RCD001',
    { file, position: { line, column: 1 } },
    {
      what: cut ? 'the last line is incomplete' : 'the line is no entry of a record',
      why: cut
        ? 'The machine was probably cut off while a script wrote it. The other lines are used.'
        : 'The timeline would have a gap.',
      remedy: cut
        ? 'Nothing, if the machine lost its power then; otherwise copy the file again.'
        : 'Give record.jsonl as it stands in plan-recovery/ in the data directory of a host.',
    },
  );
}

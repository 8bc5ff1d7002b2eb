// Evidence of several hosts -> which one holds the most. The rules are in templates/triage/compare.jq,
// which triage.sh --compare runs, too.

import { loadJq } from 'jq-wasm';
import * as z from 'zod';
import { evidenceObject } from './schema.ts';

/** A file of evidence. */
export interface EvidenceFile {
  readonly file: string;
  readonly text: string;
}

/** What a comparison is about. */
export interface ComparisonRequest {
  readonly files: readonly EvidenceFile[];
  /** Ids of hosts that are left out. */
  readonly without: readonly string[];
  /** Epoch seconds. */
  readonly now: number;
  /** The jq program. */
  readonly program: string;
}

const comparisonObject = z.object({
  /** Null: nothing may be recommended. */
  host: z.string().nullable(),
  because: z.string().nullable(),
  /** If a saved snapshot on that host holds more than any host. */
  snapshot: z.object({ path: z.string(), revision: z.int() }).nullable(),
  ranking: z.array(
    z.object({
      host: z.string(),
      revision: z.int(),
      raftIndex: z.int().nullable(),
      clusterId: z.string().nullable(),
      lastWrite: z.string().nullable(),
      time: z.string(),
      source: z.string(),
      loss: z.string(),
    }),
  ),
  snapshots: z.array(
    z.object({
      host: z.string(),
      path: z.string(),
      revision: z.int(),
      written: z.string().nullable(),
      loss: z.string(),
    }),
  ),
  problems: z.array(z.string()),
  notes: z.array(z.string()),
  /** All of it for people. */
  lines: z.array(z.string()),
});
export type Comparison = z.output<typeof comparisonObject>;

/** Compares evidence. Throws only for a bug of the program. */
export async function compareEvidence(request: ComparisonRequest): Promise<Comparison> {
  const jq = await loadJq();
  const { stdout, stderr, exitCode } = jq.raw(
    JSON.stringify(request.files.map(readEvidence)),
    request.program,
    [
      ...['--argjson', 'now', String(Math.floor(request.now))],
      ...['--argjson', 'without', JSON.stringify(request.without)],
      ...['--arg', 'preferred', ''],
    ],
  );
  if (exitCode !== 0) throw new Error(`compare.jq failed: ${stderr}`);
  return comparisonObject.parse(JSON.parse(stdout));
}

/** The input of the program for one file. The value is passed on as it was read. */
function readEvidence({ file, text }: EvidenceFile) {
  let evidence: unknown;
  try {
    evidence = JSON.parse(text);
  } catch {
    return { file, problem: 'it is not one JSON object' };
  }
  const read = evidenceObject.safeParse(evidence);
  if (read.success || !isEvidence(evidence)) return { file, evidence };
  const [issue] = read.error.issues;
  return { file, problem: `${issue?.path.join('.')}: ${issue?.message}` };
}

/** Only then is the first problem of the schema of interest. */
function isEvidence(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    'format' in value &&
    value.format === 'evidence/1'
  );
}

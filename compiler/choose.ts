// Evidence and an inventory -> which host to recover on, and its bundle.

import { applyEdits, modify } from 'jsonc-parser';
import { readInput } from './bundle/text.ts';
import type { Checks } from './check/check.ts';
import { compileText, type Outcome, type Request } from './compile.ts';
import { type Diagnostic, diagnostic } from './diagnostic.ts';
import { loadTemplates } from './emit/templates.ts';
import { type Comparison, compareEvidence, type EvidenceFile } from './evidence/compare.ts';
import { parse } from './inventory/parse.ts';
import type { Inventory } from './inventory/schema.ts';

/** What is chosen from. */
export interface ChooseRequest extends Request {
  /** Ids of hosts whose data cannot be read. */
  readonly without: readonly string[];
  /** Epoch seconds. */
  readonly now: number;
}

/** What became of it. */
export interface Choice {
  readonly exit: 0 | 1 | 2;
  readonly diagnostics: readonly Diagnostic[];
  readonly sources?: ReadonlyMap<string, string>;
  /** Null if files could not be read. `bundle` is null if none was asked for, or none was made. */
  readonly result: {
    readonly comparison: Comparison;
    readonly bundle: Outcome['result'];
  } | null;
}

/** Compares the evidence and, if a destination is given, compiles the bundle of the chosen host. */
export async function choose(
  files: readonly string[],
  file: string,
  request: ChooseRequest,
  checks: Checks,
): Promise<Choice> {
  const texts = await Promise.all([...files, file].map((each) => readInput(each)));
  const unreadable = texts.flatMap((text) => (typeof text === 'string' ? [] : [text]));
  if (unreadable.length > 0) return { exit: 2, diagnostics: unreadable, result: null };
  const inventoryText = String(texts.at(-1));
  const parsed = parse(inventoryText, file, request.lost);
  if (!parsed.ok) {
    const sources = new Map([[file, inventoryText]]);
    return { exit: 1, diagnostics: parsed.diagnostics, sources, result: null };
  }
  const evidence = files.map((name, index) => ({ file: name, text: String(texts[index]) }));
  const comparison = await compareEvidence({
    files: evidence,
    without: request.without,
    now: request.now,
    program: loadTemplates().compare,
  });
  const found = problems(comparison, evidence, parsed.inventory, file);
  const named = parsed.inventory.recovery.host;
  const { host } = comparison;
  if (found.length > 0 || host === null) {
    return { exit: 1, diagnostics: found, result: { comparison, bundle: null } };
  }
  const warnings = named === null || named === host ? [] : [overruled(file, named, host)];
  if (request.destination === null) {
    return { exit: 0, diagnostics: warnings, result: { comparison, bundle: null } };
  }
  const text = withChoice(inventoryText, comparison);
  const made = await compileText(text, file, request, checks);
  const { exit, diagnostics, sources, result: bundle } = made;
  return {
    exit,
    diagnostics: [...warnings, ...diagnostics],
    ...(sources === undefined ? {} : { sources }),
    result: { comparison, bundle },
  };
}

function problems(
  comparison: Comparison,
  evidence: readonly EvidenceFile[],
  inventory: Inventory,
  file: string,
): readonly Diagnostic[] {
  const [first] = evidence;
  const at = { file: first?.file ?? file, position: null };
  const contradictions = comparison.problems.map((what) =>
    diagnostic('EVD001', at, {
      what,
      why: 'A host that is not compared may hold more, and the difference would be lost.',
      remedy: 'Do what the message says, and run plan choose again with all files.',
    }),
  );
  if (contradictions.length > 0) return contradictions;
  const clusters = new Set(evidence.map(({ text }) => String(JSON.parse(text).cluster)));
  const strange = [...clusters].find((cluster) => cluster !== inventory.cluster);
  const server = inventory.hosts.find(
    ({ id, mode }) => id === comparison.host && mode === 'server',
  );
  if (strange === undefined && server !== undefined) return [];
  return [
    diagnostic(
      'EVD002',
      { file, position: null },
      {
        what:
          strange === undefined
            ? `the inventory has no server host ${comparison.host}, which holds the most`
            : `the evidence is of cluster ${strange}, the inventory of cluster ${inventory.cluster}`,
        why: 'A bundle for another cluster would be of no use.',
        remedy: 'Name the inventory from which the bundle with triage.sh was compiled.',
      },
    ),
  ];
}

function overruled(file: string, named: string, host: string): Diagnostic {
  return diagnostic(
    'EVD003',
    { file, position: null },
    {
      what: `the inventory names the recovery host ${named}, and ${host} holds more`,
      why: `A recovery on ${named} would lose what only ${host} holds.`,
      remedy: `The bundle is for ${host}. If ${named} must be used, run plan compile instead.`,
    },
  );
}

/** The inventory with the choice in it, otherwise as it was written. */
function withChoice(text: string, { host, because, snapshot }: Comparison): string {
  const values: readonly (readonly [readonly string[], unknown])[] = [
    [['recovery', 'host'], host],
    [['recovery', 'because'], because],
    ...(snapshot === null
      ? []
      : [
          [['recovery', 'snapshot', 'source'], 'freshest'] as const,
          [['recovery', 'snapshot', 'path'], snapshot.path] as const,
          [['recovery', 'snapshot', 'sha256'], null] as const,
        ]),
  ];
  const formattingOptions = { insertSpaces: true, tabSize: 2 };
  return values.reduce(
    (now, [path, value]) => applyEdits(now, modify(now, [...path], value, { formattingOptions })),
    text,
  );
}

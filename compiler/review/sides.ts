// What `plan diff` compares -> its plans, scripts and other files: a bundle, or a plan.json alone.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inputName, planLimit, readInput, readText } from '../bundle/text.ts';
import { isDirectory, isFile } from '../bundle/tree.ts';
import { type Diagnostic, diagnostic } from '../diagnostic.ts';
import { partsOf, type ScriptParts } from '../emit/parts.ts';
import { scriptParts } from '../emit/script.ts';
import { loadTemplates } from '../emit/templates.ts';
import { executionOrder } from '../plan/order.ts';
import { readPlan } from '../plan/read.ts';
import { sha256 } from '../sha256.ts';
import { type OpenBundle, openBundle, scriptAt } from './open.ts';

/** One side of a comparison. Scripts are read one at a time. */
export interface Side {
  /** Each plan as JSON, by its folder in the bundle, which is empty if there is one plan. */
  readonly plans: ReadonlyMap<string, unknown>;
  /** The parts of each script by its path; null if it has not the form of one. */
  readonly scripts: ReadonlyMap<string, () => ScriptParts | null>;
  /** The digest of every other file by its path; null for a plan.json alone. */
  readonly files: ReadonlyMap<string, string> | null;
}

/** Opens a bundle or a plan.json, or says why it is neither. */
export async function openSide(path: string): Promise<Side | readonly Diagnostic[]> {
  if (isDirectory(path)) {
    const bundle = openBundle(path);
    return 'code' in bundle ? [bundle] : sideOfBundle(bundle);
  }
  const text = await readInput(path, planLimit);
  if (typeof text !== 'string') return [text];
  const read = readPlan(text, inputName(path));
  if (!read.ok) return read.diagnostics;
  const { plan } = read;
  const templates = loadTemplates();
  return {
    plans: new Map([['', plan]]),
    scripts: new Map(
      [...executionOrder(plan), ...plan.asides].map((turn) => [
        turn.path,
        () => scriptParts(plan, turn, templates),
      ]),
    ),
    files: null,
  };
}

function sideOfBundle(bundle: OpenBundle): Side | readonly Diagnostic[] {
  const plans = new Map<string, unknown>();
  const scripts = new Map<string, () => ScriptParts | null>();
  const files = new Map<string, string>();
  const refused: Diagnostic[] = [];
  for (const path of bundle.sums.keys()) {
    const place = join(bundle.directory, path);
    if (path === 'plan.json' || /^[^/]+\/plan\.json$/u.test(path)) {
      const plan = jsonAt(place);
      if (isRefusal(plan)) refused.push(plan.refusal);
      else plans.set(path.slice(0, -'plan.json'.length), plan);
    } else if (scriptAt(bundle, path) !== null) {
      scripts.set(path, () => {
        const parts = partsOf(scriptAt(bundle, path) ?? '');
        return typeof parts === 'string' ? null : parts;
      });
    }
    // As it is now: a file that does not match SHA256SUMS is a difference, too.
    if (!scripts.has(path))
      files.set(path, isFile(place) ? sha256(readFileSync(place)) : 'missing');
  }
  return refused.length > 0 ? refused : { plans, scripts, files };
}

interface Refusal {
  readonly refusal: Diagnostic;
}

function isRefusal(value: unknown): value is Refusal {
  return typeof value === 'object' && value !== null && 'refusal' in value;
}

/** A plan of any version of plan: it is compared, and no scripts are made from it. */
function jsonAt(file: string): unknown {
  const text = readText(file);
  if (typeof text !== 'string') return { refusal: text };
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch (error) {
    const refusal = diagnostic(
      'PLAN001',
      { file, position: null },
      {
        what: error instanceof Error ? error.message : 'not JSON',
        why: 'The plan of the bundle cannot be compared.',
        remedy: 'Copy the bundle again, or compile the inventory again.',
      },
    );
    return { refusal };
  }
}

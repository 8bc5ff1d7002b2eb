// A running cluster, a saved answer or a stack file -> an inventory that nobody has to type.

import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { codeOf, inputName, messageOf, readInput } from '../bundle/text.ts';
import { exists } from '../bundle/tree.ts';
import type { Code } from '../codes.ts';
import { type Diagnostic, diagnostic, hasErrors } from '../diagnostic.ts';
import { parse } from '../inventory/parse.ts';
import { inventorySchema } from '../inventory/schema.ts';
import { type Access, factsOfApi } from './api.ts';
import type { Facts } from './facts.ts';
import { factsOfHosts } from './hosts.ts';
import { inventoryFrom } from './merge.ts';
import { factsOfStack } from './stack.ts';

/** Where to learn from, and where to write. */
export interface InitRequest {
  readonly api: Access | null;
  readonly hostsFile: string | null;
  readonly stackFile: string | null;
  readonly cluster: string | null;
  readonly out: string;
  /** Such as `plan init 0.1.0`. */
  readonly writtenBy: string;
}

/** What was written. */
export interface Written {
  readonly file: string;
  /** The JSON Schema next to it, if it was not there. */
  readonly schema: string | null;
  readonly hosts: number;
  /** What has still to be answered, in the order of the file. */
  readonly questions: readonly Diagnostic[];
}

/** `exit`: 0 written, 1 written with problems or a source has problems, 2 could not. */
export interface Init {
  readonly exit: 0 | 1 | 2;
  readonly diagnostics: readonly Diagnostic[];
  readonly sources: ReadonlyMap<string, string>;
  readonly result: Written | null;
}

/** Writes an inventory, unless there is a file of this name. */
export async function init(request: InitRequest): Promise<Init> {
  const { out } = request;
  if (exists(out)) return failed(2, [taken(out)]);
  const sources = new Map<string, string>();
  const learned = await learn(request, sources);
  const problems = learned.flatMap((each) => ('problems' in each ? each.problems : []));
  const facts = learned.flatMap((each) => ('problems' in each ? [] : [each]));
  if (problems.length > 0) {
    const could = problems.every(({ code }) => code === 'INIT002' || code === 'INIT003');
    return { ...failed(could ? 1 : 2, problems), sources };
  }
  const inventory = inventoryFrom(facts, request);
  const text = `${JSON.stringify(inventory, null, 2)}\n`;
  const parsed = parse(text, out);
  const questions = parsed.diagnostics.filter(({ code }) => code === 'INV061');
  const diagnostics = parsed.diagnostics.filter(({ code }) => code !== 'INV061');
  try {
    // Never over a file that has appeared in between.
    writeFileSync(out, text, { flag: 'wx' });
  } catch (error) {
    return failed(2, [codeOf(error) === 'EEXIST' ? taken(out) : unwritable(out, error)]);
  }
  sources.set(out, text);
  const schema = writeSchema(join(dirname(out), 'inventory.schema.json'));
  const result = { file: out, schema, hosts: inventory.hosts.length, questions };
  return { exit: hasErrors(diagnostics) ? 1 : 0, diagnostics, sources, result };
}

interface Problems {
  readonly problems: readonly Diagnostic[];
}

async function learn(
  { api, hostsFile, stackFile }: InitRequest,
  sources: Map<string, string>,
): Promise<readonly (Facts | Problems)[]> {
  const all: (Facts | Problems)[] = [];
  if (api !== null) {
    const facts = await factsOfApi(api);
    const at = { file: api.url.origin, position: null };
    all.push('what' in facts ? { problems: [diagnostic('INIT001', at, facts)] } : facts);
  }
  if (hostsFile !== null) all.push(await fromFile(hostsFile, sources, hostsIn));
  if (stackFile !== null) all.push(await fromFile(stackFile, sources, stackIn));
  return all;
}

async function fromFile(
  given: string,
  sources: Map<string, string>,
  read: (text: string, file: string) => Facts | Problems,
): Promise<Facts | Problems> {
  const file = inputName(given);
  const text = await readInput(given);
  if (typeof text !== 'string') return { problems: [text] };
  sources.set(file, text);
  return read(text, file);
}

function hostsIn(text: string, file: string): Facts | Problems {
  const at = { file, position: null };
  const words = {
    why: 'The hosts of the cluster are not known without it.',
    remedy: `Save it again: curl --fail http://HOST:3000/v1/hosts >${file}`,
  };
  let value: unknown;
  try {
    // Some shells write a byte order mark in front of what they save.
    value = JSON.parse(text.replace(/^\ufeff/u, ''));
  } catch (error) {
    return {
      problems: [diagnostic('INIT002', at, { what: `not JSON: ${messageOf(error)}`, ...words })],
    };
  }
  const facts = factsOfHosts(value, file);
  if (typeof facts !== 'string') return facts;
  return {
    problems: [diagnostic('INIT002', at, { what: `this cannot be used: ${facts}`, ...words })],
  };
}

function stackIn(text: string, file: string): Facts | Problems {
  const facts = factsOfStack(text, file);
  if (!Array.isArray(facts)) return facts as Facts;
  return {
    problems: facts.map(({ what, position }) =>
      diagnostic(
        'INIT003',
        { file, position },
        {
          what,
          why: 'The services of the Control Plane cannot be read from it.',
          remedy: 'Give the file that "docker stack deploy -c FILE" was run with.',
        },
      ),
    ),
  };
}

/** For editors. A file that is there stays as it is; and nobody needs this one. */
function writeSchema(file: string): string | null {
  try {
    writeFileSync(file, `${JSON.stringify(inventorySchema(), null, 2)}\n`, { flag: 'wx' });
    return file;
  } catch {
    return null;
  }
}

function taken(file: string): Diagnostic {
  return problem('INIT004', file, {
    what: `${file} is already there`,
    why: '"plan init" never overwrites a file.',
    remedy: 'Move it, or write to another file: --out FILE.',
  });
}

function unwritable(file: string, error: unknown): Diagnostic {
  return problem('INIT005', file, {
    what: `the inventory cannot be written: ${messageOf(error)}`,
    why: 'No file was changed.',
    remedy: 'Fix the reported error, or write to another file: --out FILE.',
  });
}

function problem(
  code: Code,
  file: string,
  words: Pick<Diagnostic, 'what' | 'why' | 'remedy'>,
): Diagnostic {
  return diagnostic(code, { file, position: null }, words);
}

function failed(exit: 1 | 2, diagnostics: readonly Diagnostic[]): Init {
  return { exit, diagnostics, sources: new Map(), result: null };
}

// Turns the text of an inventory into an Inventory, or into all of its problems with their places.

import type * as z from 'zod';
import { type Code, isCode } from '../codes.ts';
import { type Diagnostic, diagnostic, hasErrors, nearest, sortDiagnostics } from '../diagnostic.ts';
import { type Locate, type Path, type Reading, readJson } from './json.ts';
import { crossFieldProblems, type Draft, type DraftHost, withLost } from './rules.ts';
import {
  compareHosts,
  type Host,
  hostObject,
  type Inventory,
  type InventoryText,
  inventoryObject,
  portsObject,
  recoveryObject,
  serviceName,
  snapshotObject,
  swarmObject,
} from './schema.ts';

/** What parse answers. `diagnostics` holds warnings only if ok, and at least one error if not. */
export type Parsed =
  | {
      readonly ok: true;
      readonly inventory: Inventory;
      /** Place of a value in the text, by its path there (hosts in the order of the text). */
      readonly locate: Locate;
      readonly diagnostics: readonly Diagnostic[];
    }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

/**
 * Reads an inventory. Never throws for what a person wrote: syntax problems come alone, as nothing
 * else can be judged by then; all others come together, in the order of their places.
 *
 * @param file name for the diagnostics; nothing is read from it
 * @param lost ids of hosts to take as lost, as given by `--lost`
 */
export function parse(text: string, file: string, lost: readonly string[] = []): Parsed {
  const reading = readJson(text, file);
  if (reading.broken) return { ok: false, diagnostics: sortDiagnostics(reading.diagnostics) };
  const checked = inventoryObject.safeParse(reading.value);
  const issues: readonly Issue[] = checked.success ? [] : checked.error.issues;
  const draft = checked.success ? wholeDraft(checked.data, lost) : soundParts(reading.value, lost);
  const diagnostics = sortDiagnostics([
    ...reading.diagnostics,
    ...issues.flatMap((issue) => fieldProblems(issue, reading, file)),
    ...crossFieldProblems(draft, file, reading.locate),
  ]);
  if (!checked.success || hasErrors(diagnostics)) return { ok: false, diagnostics };
  const inventory = resolve(checked.data, lost);
  return { ok: true, inventory, locate: reading.locate, diagnostics };
}

/** Fills in what depends on other fields, and brings the hosts into their order. */
function resolve(text: InventoryText, lost: readonly string[]): Inventory {
  const { cluster, notes, swarm, api, recovery } = text;
  const hosts = withLost(text.hosts, lost).map(
    (host): Host => ({
      id: host.id,
      addresses: firstAndRest(host.addresses),
      mode: host.mode,
      dataDirectory: host.dataDirectory,
      ports: host.ports,
      service: serviceName(swarm.stack, host),
      machineId: host.machineId,
      state: host.state,
      notes: host.notes,
    }),
  );
  const bump = recovery.revisionBump;
  return {
    cluster,
    notes,
    swarm,
    api,
    hosts: hosts.sort(compareHosts),
    recovery: { ...recovery, revisionBump: bump === 'none' ? null : bump },
  };
}

function firstAndRest(addresses: readonly string[]): Host['addresses'] {
  const [first, ...rest] = addresses;
  if (first === undefined) throw new Error('parse: the schema let a host without address pass');
  return [first, ...rest];
}

// ---- What the rules may judge by -------------------------------------------------------------

function wholeDraft({ hosts, swarm, recovery }: InventoryText, lost: readonly string[]): Draft {
  return { hosts: hosts.map((host, index) => ({ ...host, index })), swarm, recovery, lost };
}

/** Every field that is right by itself, whatever is wrong beside it. */
function soundParts(value: unknown, lost: readonly string[]): Draft {
  const { hosts, swarm, recovery } = members(value);
  const { snapshot } = members(recovery);
  return {
    hosts: (Array.isArray(hosts) ? hosts : []).map((host: unknown, index): DraftHost => {
      const { ports } = members(host);
      const sound = soundFields(hostObject.shape, host);
      return { ...sound, ports: soundFields(portsObject.unwrap().shape, ports), index };
    }),
    swarm: soundFields(swarmObject.unwrap().shape, swarm),
    recovery: {
      ...soundFields(recoveryObject.unwrap().shape, recovery),
      snapshot: soundFields(snapshotObject.unwrap().shape, snapshot),
    },
    lost,
  };
}

/** The fields of a shape that accept what the value has there; defaults for an absent value. */
function soundFields<Shape extends Readonly<Record<string, z.ZodType>>>(
  shape: Shape,
  value: unknown,
): { readonly [Key in keyof Shape]?: z.output<Shape[Key]> } {
  if (value !== undefined && !isObject(value)) return {};
  const given = members(value);
  const entries = Object.entries(shape).flatMap(([key, field]) => {
    const checked = field.safeParse(given[key]);
    return checked.success ? [[key, checked.data]] : [];
  });
  // The one cast of this module: Object.fromEntries forgets which key has which type.
  return Object.fromEntries(entries) as { [Key in keyof Shape]?: z.output<Shape[Key]> };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function members(value: unknown): Readonly<Record<string, unknown>> {
  return isObject(value) ? value : {};
}

// ---- What zod found, in words of ours --------------------------------------------------------

type Issue = z.core.$ZodIssue;

function fieldProblems(issue: Issue, reading: Reading, file: string): readonly Diagnostic[] {
  const path = plainPath(issue.path);
  const label = labelOf(path);
  const say = (code: Code, words: Pick<Diagnostic, 'what' | 'why' | 'remedy'>) =>
    diagnostic(code, { file, position: reading.locate(path) }, words);
  const { found, parent, value } = lookUp(reading.value, path);
  const key = path.at(-1);

  if (!found && typeof key === 'string' && isObject(parent)) {
    return [
      say('INV005', {
        what: `${labelOf(path.slice(0, -1)) || 'the inventory'} has no "${key}"`,
        why: 'It is required: it has no default, and cannot be guessed.',
        remedy: missingRemedies[key] ?? `Add "${key}"; "plan schema" describes it.`,
      }),
    ];
  }
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((unknown) => unknownKey(issue, path, unknown, reading, file));
    case 'custom': {
      const code: unknown = issue.params?.code;
      if (typeof code !== 'string' || !isCode(code)) break;
      return [
        say(code, {
          what: `${label} cannot be ${show(value)}`,
          why: `It must be ${issue.message}.`,
          remedy: malformedRemedies[code] ?? 'Correct it.',
        }),
      ];
    }
    case 'invalid_type':
      if (typeof value === 'number' && ['int', 'number'].includes(issue.expected)) {
        return [say('INV012', outOfRange(label, value, 'a whole number'))];
      }
      return [say('INV006', wrongType(label, value, typeWords[issue.expected] ?? issue.expected))];
    case 'invalid_value': {
      const options = issue.values.map(String);
      if (typeof value !== 'string') {
        return [say('INV006', wrongType(label, value, `one of ${quoted(options)}`))];
      }
      return [say('INV007', wrongWord(label, value, options))];
    }
    case 'invalid_union': {
      if ('options' in issue && Array.isArray(issue.options)) {
        const options = issue.options.map(String);
        if (typeof value === 'string') return [say('INV007', wrongWord(label, value, options))];
        return [say('INV006', wrongType(label, value, `one of ${quoted(options)}`))];
      }
      const words = issue.errors.flatMap(wordsAllowed);
      if (typeof value === 'string' && words.length > 0) {
        const why = `It must be ${issue.message}.`;
        return [say('INV007', { ...wrongWord(label, value, words), why })];
      }
      // The branch that got past the type of the value is the one that was meant.
      const meant = issue.errors.find((branch) => branch.every((inner) => isInside(inner, value)));
      if (meant === undefined) return [say('INV006', wrongType(label, value, issue.message))];
      return meant.flatMap((inner) =>
        fieldProblems({ ...inner, path: [...issue.path, ...inner.path] }, reading, file),
      );
    }
    case 'too_small':
    case 'too_big': {
      const limit =
        issue.code === 'too_small' ? `at least ${issue.minimum}` : `at most ${issue.maximum}`;
      if (typeof value === 'number') return [say('INV012', outOfRange(label, value, limit))];
      return [
        say('INV013', {
          what: `${label} has ${Array.isArray(value) ? value.length : 'too many or few'} elements`,
          why: `It must have ${limit}.`,
          remedy: issue.code === 'too_small' ? 'Add what is missing.' : 'Remove what is too much.',
        }),
      ];
    }
    default:
      break;
  }
  return [
    say('INV006', {
      what: `${label} cannot be ${show(value)}`,
      why: 'The schema of the inventory does not allow it.',
      remedy: '"plan schema" prints what it allows.',
    }),
  ];
}

function unknownKey(
  issue: Issue,
  path: Path,
  key: string,
  reading: Reading,
  file: string,
): Diagnostic {
  // The schema's message is the list of the keys that are known here.
  const known = issue.message.split(' ');
  const close = nearest(key, known);
  const position = reading.locateKey([...path, key]);
  return diagnostic(
    'INV004',
    { file, position },
    {
      what: `unknown key "${key}" in ${labelOf(path) || 'the inventory'}`,
      why: 'It would be ignored, and a default silently take its place.',
      remedy: close === null ? knownHere(known) : `Did you mean "${close}"?`,
    },
  );
}

function knownHere(known: readonly string[]): string {
  const list = `Known here: ${known.join(', ')}.`;
  // The arm of plain HTTP knows nothing else.
  return known.join() === 'scheme' ? `${list} Certificates go with "scheme": "https".` : list;
}

/** The words a branch of a union would take in the place of the value. */
function wordsAllowed(branch: readonly Issue[]): readonly string[] {
  return branch.flatMap((inner) =>
    inner.code === 'invalid_value' && inner.path.length === 0 ? inner.values.map(String) : [],
  );
}

function isInside(inner: Issue, value: unknown): boolean {
  if (inner.path.length > 0) return true;
  if (inner.code === 'invalid_type') return typeof value === 'number' && inner.expected === 'int';
  return inner.code !== 'invalid_value';
}

function wrongType(label: string, value: unknown, wanted: string) {
  return {
    what: `${label || 'the inventory'} must be ${wanted}, not ${typeName(value)}`,
    why: 'A value of another type is not converted; it may mean something else.',
    remedy: remedyForType(value, wanted),
  };
}

function remedyForType(value: unknown, wanted: string): string {
  if (wanted === typeWords.string && typeof value === 'number') return 'Put it in quotes.';
  if (/number/u.test(wanted) && typeof value === 'string') return 'Remove the quotes.';
  if (wanted === typeWords.array) return 'Put it in square brackets.';
  return `Write ${wanted}.`;
}

function wrongWord(label: string, value: string, options: readonly string[]) {
  const close = nearest(value, options);
  return {
    what: `${label} cannot be ${show(value)}`,
    why: `It must be ${options.length > 1 ? 'one of ' : ''}${quoted(options)}.`,
    remedy: close === null ? 'Write it exactly so.' : `Did you mean "${close}"?`,
  };
}

function outOfRange(label: string, value: number, limit: string) {
  return {
    what: `${label} cannot be ${value}`,
    why: `It must be ${limit}.`,
    remedy: 'Correct the number; "plan schema" shows unit, range and default.',
  };
}

const typeWords: Readonly<Record<string, string>> = {
  string: 'text in double quotes',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'an object in braces',
  array: 'a list in square brackets',
};

const malformedRemedies: Partial<Readonly<Record<Code, string>>> = {
  INV008: 'Write it as the running system has it; what cannot be written so is not supported.',
  INV009: 'Write an address of this host alone; ports go into "ports".',
  INV010: 'Write the path in full and plainly, as "realpath" on the host prints it.',
  INV011: 'Copy it from sha256sum, or from /etc/machine-id.',
  INV013: 'Shorten it, and remove control characters.',
};

const missingRemedies: Readonly<Record<string, string>> = {
  id: 'Add "id": its PGEDGE_HOST_ID, as GET /v1/hosts lists it.',
  addresses: 'Add "addresses": a list of the addresses by which other hosts reach it.',
  mode: 'Add "mode": "server" or "client", as GET /v1/hosts shows etcd_mode.',
  scheme: 'Add "scheme": "http" or "https".',
};

function typeName(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'an object';
  if (typeof value === 'string') return 'text';
  return typeof value === 'number' ? 'a number' : String(value);
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function quoted(words: readonly string[]): string {
  return words.map((word) => `"${word}"`).join(', ');
}

function labelOf(path: Path): string {
  return path
    .map((step, i) => (typeof step === 'number' ? `[${step}]` : `${i === 0 ? '' : '.'}${step}`))
    .join('');
}

function plainPath(path: readonly PropertyKey[]): Path {
  return path.map((step) => (typeof step === 'symbol' ? String(step) : step));
}

function lookUp(root: unknown, path: Path) {
  let [found, parent, value]: [boolean, unknown, unknown] = [true, undefined, root];
  for (const step of path) {
    parent = value;
    found = found && typeof value === 'object' && value !== null && Object.hasOwn(value, step);
    value = found ? Reflect.get(Object(value), step) : undefined;
  }
  return { found, parent, value };
}

// The text of an inventory -> an Inventory, or all of its problems with their positions.

import type * as z from 'zod';
import { characterWords, surprise } from '../characters.ts';
import { type Code, isCode } from '../codes.ts';
import { type Diagnostic, diagnostic, hasErrors, nearest, sortDiagnostics } from '../diagnostic.ts';
import { compareHosts, type Host } from '../hosts.ts';
import { namedBecause } from '../quorum.ts';
import { canonicalAddress } from './address.ts';
import { type Locate, mostProblems, type Path, type Reading, readJson } from './json.ts';
import { type OtherKind, otherKind, otherText } from './kind.ts';
import { howToAnswer } from './question.ts';
import { crossFieldProblems, type Draft, type DraftHost, withLost } from './rules.ts';
import {
  apiObject,
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

/** `diagnostics` holds only warnings if ok, and at least one error if not. */
export type Parsed =
  | {
      readonly ok: true;
      readonly inventory: Inventory;
      /** Position of a value, by its path in the text (hosts in the order of the text). */
      readonly locate: Locate;
      readonly diagnostics: readonly Diagnostic[];
    }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

/**
 * Reads an inventory. Never throws because of its text. Syntax problems are reported alone, because
 * nothing else can be checked then; all other problems are reported together, ordered by position.
 *
 * @param file name for the diagnostics; nothing is read from it
 * @param lost host ids given with `--lost`
 * @param irrelevant problems between fields that do not matter to the caller
 */
export function parse(
  text: string,
  file: string,
  lost: readonly string[] = [],
  irrelevant: ReadonlySet<Code> = new Set(),
): Parsed {
  const reading = readJson(text, file);
  const other = reading.broken ? otherText(text, file) : otherKind(reading.value, file);
  if (other !== null) return { ok: false, diagnostics: [wrongFile(other, file)] };
  if (reading.broken) return { ok: false, diagnostics: sortDiagnostics(reading.diagnostics) };
  const checked = inventoryObject.safeParse(reading.value);
  const issues: readonly Issue[] = checked.success
    ? []
    : checked.error.issues.slice(0, mostProblems);
  const draft = checked.success ? wholeDraft(checked.data, lost) : soundParts(reading.value, lost);
  const diagnostics = sortDiagnostics([
    ...reading.diagnostics,
    ...issues.flatMap((issue) => fieldProblems(issue, reading, file)),
    ...crossFieldProblems(draft, file, reading.locate).filter(({ code }) => !irrelevant.has(code)),
  ]);
  if (!checked.success || hasErrors(diagnostics)) return { ok: false, diagnostics };
  const inventory = resolve(checked.data, lost);
  return { ok: true, inventory, locate: reading.locate, diagnostics };
}

function wrongFile({ what, command }: OtherKind, file: string): Diagnostic {
  return diagnostic(
    'INV060',
    { file, position: { line: 1, column: 1 } },
    {
      what: `this is ${what}, not an inventory`,
      why: 'Another command reads it.',
      remedy: `Use: ${command}`,
    },
  );
}

/** Fills in what depends on other fields, and sorts the hosts. */
function resolve(text: InventoryText, lost: readonly string[]): Inventory {
  const { cluster, notes, swarm, api, recovery } = text;
  const hosts = withLost(text.hosts, lost).map(
    (host): Host => ({
      id: host.id,
      addresses: firstAndRest(host.addresses.map((each) => canonicalAddress(each) ?? each)),
      mode: host.mode,
      dataDirectory: host.dataDirectory,
      ports: host.ports,
      service: serviceName(swarm.stack, host),
      machineId: host.machineId,
      state: host.state,
      notes: host.notes,
    }),
  );
  const { revisionBump: bump, because, ...asked } = recovery;
  return {
    cluster,
    notes,
    swarm,
    api,
    hosts: hosts.sort(compareHosts),
    recovery: {
      ...asked,
      revisionBump: bump === 'none' ? null : bump,
      // Only a reason that shows in the plan: so a plan gives its inventory back (plan/source.ts).
      ...(because === null || because === namedBecause || asked.host === null ? {} : { because }),
    },
  };
}

function firstAndRest(addresses: readonly string[]): Host['addresses'] {
  const [first, ...rest] = addresses;
  if (first === undefined) throw new Error('parse: the schema accepted a host without an address');
  return [first, ...rest];
}

// ---- Input of the rules ----------------------------------------------------------------------

function wholeDraft(
  { hosts, swarm, recovery, api }: InventoryText,
  lost: readonly string[],
): Draft {
  return { hosts: hosts.map((host, index) => ({ ...host, index })), swarm, recovery, api, lost };
}

/** Every field that is valid on its own, whatever is wrong in the others. */
function soundParts(value: unknown, lost: readonly string[]): Draft {
  const { hosts, swarm, recovery, api } = members(value);
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
    api: apiObject.safeParse(api).data ?? null,
    lost,
  };
}

/** The valid fields of a value, by its shape; defaults for a missing value. */
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
  // The only cast of this module: Object.fromEntries loses the type of each key.
  return Object.fromEntries(entries) as { [Key in keyof Shape]?: z.output<Shape[Key]> };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function members(value: unknown): Readonly<Record<string, unknown>> {
  return isObject(value) ? value : {};
}

// ---- zod issues -> diagnostics ---------------------------------------------------------------

type Issue = z.core.$ZodIssue;

function fieldProblems(issue: Issue, reading: Reading, file: string): readonly Diagnostic[] {
  const path = plainPath(issue.path);
  const label = labelOf(path);
  const say = (code: Code, words: Pick<Diagnostic, 'what' | 'why' | 'remedy'>) =>
    diagnostic(code, { file, position: reading.locate(path) }, words);
  const { found, parent, value } = lookUp(reading.value, path);
  const key = path.at(-1);
  const how = howToAnswer(value);
  if (how !== null) {
    return [
      say('INV061', {
        what: `${label} is not answered yet`,
        why: '"plan init" could not learn it.',
        remedy: how === '' ? 'Replace it by the value.' : `Answer it: ${how}`,
      }),
    ];
  }

  if (!found && typeof key === 'string' && isObject(parent)) {
    return [
      say('INV005', {
        what: `"${key}" is missing from ${labelOf(path.slice(0, -1)) || 'the inventory'}`,
        why: 'It is required and has no default.',
        remedy: missingRemedies[key] ?? `Add "${key}"; "plan schema" describes it.`,
      }),
    ];
  }
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys
        .slice(0, mostProblems)
        .map((unknown) => unknownKey(issue, path, unknown, reading, file));
    case 'custom': {
      const code: unknown = issue.params?.code;
      if (typeof code !== 'string' || !isCode(code)) break;
      return [
        say(code, {
          what: `${label} is ${show(value)}`,
          why: `It must be ${issue.message}.${code === 'INV013' ? '' : strangeness(value)}`,
          remedy: malformedRemedies[code] ?? 'Correct the value.',
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
        const why = `It must be ${issue.message}.${strangeness(value)}`;
        return [say('INV007', { ...wrongWord(label, value, words), why })];
      }
      // The branch that accepts the type of the value is the one that was meant.
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
          what: `${label} has ${Array.isArray(value) ? value.length : 'too many or too few'} elements`,
          why: `It must have ${limit}.`,
          remedy:
            issue.code === 'too_small' ? 'Add the missing elements.' : 'Remove some elements.',
        }),
      ];
    }
    default:
      break;
  }
  return [
    say('INV006', {
      what: `${label} is ${show(value)}`,
      why: 'The schema of the inventory does not allow this value.',
      remedy: 'Use a value that "plan schema" allows.',
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
  // The message of the schema is the list of known keys.
  const known = issue.message.split(' ');
  const close = nearest(key, known);
  const position = reading.locateKey([...path, key]);
  return diagnostic(
    'INV004',
    { file, position },
    {
      what: `unknown key "${cut(key)}" in ${labelOf(path) || 'the inventory'}`,
      why: `The key would be ignored and a default used instead.${strangeness(key)}`,
      remedy: close === null ? knownHere(known) : `Did you mean "${close}"?`,
    },
  );
}

function knownHere(known: readonly string[]): string {
  const list = `Known keys here: ${known.join(', ')}.`;
  // The branch for plain HTTP has no other key.
  return known.join() === 'scheme' ? `${list} Certificates need "scheme": "https".` : list;
}

/** The words that a branch of a union accepts as the value. */
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
    why: 'Values are not converted to another type.',
    remedy: remedyForType(value, wanted),
  };
}

function remedyForType(value: unknown, wanted: string): string {
  if (wanted === typeWords.string && typeof value === 'number')
    return 'Put the value in double quotes.';
  if (/number/u.test(wanted) && typeof value === 'string') return 'Remove the quotes.';
  if (wanted === typeWords.array) return 'Put the value in square brackets.';
  return `Write ${wanted}.`;
}

function wrongWord(label: string, value: string, options: readonly string[]) {
  const close = nearest(value, options);
  return {
    what: `${label} is ${show(value)}`,
    why: `It must be ${options.length > 1 ? 'one of ' : ''}${quoted(options)}.${strangeness(value)}`,
    remedy: close === null ? 'Use one of these values.' : `Did you mean "${close}"?`,
  };
}

function outOfRange(label: string, value: number, limit: string) {
  return {
    what: `${label} is ${value}`,
    why: `It must be ${limit}.`,
    remedy: 'Correct the number. "plan schema" shows unit, range and default.',
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
  INV008: 'Use the name from the running system. Names of another form are not supported.',
  INV009: 'Use an address of this host. Put ports into "ports".',
  INV010: 'Use the absolute path that "realpath" prints on the host.',
  INV011: 'Copy it from the output of sha256sum, or from /etc/machine-id.',
  INV013: 'Shorten the text and remove control characters.',
};

const missingRemedies: Readonly<Record<string, string>> = {
  id: 'Add "id": the PGEDGE_HOST_ID of the host, as listed by GET /v1/hosts.',
  addresses: 'Add "addresses": a list of the addresses by which other hosts reach it.',
  mode: 'Add "mode": "server" or "client". GET /v1/hosts shows it as etcd_mode.',
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
  return cut(JSON.stringify(value) ?? String(value));
}

function cut(text: string): string {
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/** Names the first character that is not printable ASCII, which may look as if it were. */
function strangeness(value: unknown): string {
  const strange = typeof value === 'string' ? surprise(value) : null;
  return strange === null ? '' : ` It contains ${characterWords(strange)}.`;
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

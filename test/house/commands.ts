// Commands -> everything that they run, through each function and command that runs its arguments.

import type { Assignment, Word } from 'unbash';
import { expansionsIn, listIn, literalOf, type Place, type Reading, read } from './bash.ts';

/** A word of a command. */
export interface Argument {
  /** As bash reads it; null if it is known only at run time. */
  readonly text: string | null;
  /** As it is written. */
  readonly written: string;
  readonly expansions: readonly string[];
  /** It can be no word, or several. */
  readonly many: boolean;
}

/** A command that can run. */
export interface Run extends Place {
  /** Without its directory. Null if it is known only at run time. */
  readonly name: string | null;
  readonly args: readonly Argument[];
  /** Mutate prints it or runs it. */
  readonly gated: boolean;
}

/**
 * Functions that run their arguments as a command, with the number of words before it. Their own
 * `"$@"` is not judged; what they are given is, wherever they are called.
 */
export const runners: Readonly<Record<string, number>> = {
  mutate: 0,
  as_host: 0,
  as_kept: 1,
  noted: 1,
  need: 1,
  await_task: 2,
  prove: 3,
  wait_softly: 3,
  wait_until: 4,
  ask_all: 0,
};

/** Functions that run one command with their arguments. It is judged wherever they are called. */
const wrappers: Readonly<Record<string, readonly string[]>> = {
  docker_patiently: ['docker'],
  etcdctl_at: ['etcdctl', '--endpoints'],
  etcdctl_word: ['etcdctl', '--endpoints'],
};

/** Commands that run their arguments: their options with a word of its own, and their own words. */
const prefixes: Readonly<Record<string, { readonly options: string; readonly own: number }>> = {
  builtin: { options: '', own: 0 },
  command: { options: '', own: 0 },
  env: { options: '-u -C -S --unset --chdir', own: 0 },
  exec: { options: '-a', own: 0 },
  nice: { options: '-n --adjustment', own: 0 },
  nohup: { options: '', own: 0 },
  setsid: { options: '', own: 0 },
  sudo: { options: '-u -g -C -h -p -U -D -R -T', own: 0 },
  timeout: { options: '-k -s --kill-after --signal', own: 1 },
  xargs: { options: '-a -d -E -I -L -n -P -s', own: 0 },
};

const shells = new Set(['bash', 'dash', 'sh']);

/** Whether a function is one that runs this command with its own arguments. */
export function isWrapped({ name, within }: Run): boolean {
  return name !== null && within !== null && wrappers[within]?.[0] === name;
}

/** Everything that the commands of the readings run. */
export function runsOf(readings: readonly Reading[]): readonly Run[] {
  const lists = listsOf(readings);
  return readings.flatMap((reading) => runsIn(reading, lists, null, false));
}

/** The elements of an array, as far as they are known; null if it is not known. */
type Lists = (name: string, within: string | null) => readonly Argument[] | null;

function runsIn(
  reading: Reading,
  lists: Lists,
  positional: readonly Argument[] | null,
  gated: boolean,
): readonly Run[] {
  return reading.commands.flatMap(({ node, source, line, within }) => {
    if (node.name === undefined) return [];
    const place = { source, line, within };
    const words = expanded([node.name, ...node.args], place, lists, positional);
    return follow(words, place, lists, gated);
  });
}

function follow(
  words: readonly Argument[],
  place: Place,
  lists: Lists,
  gated: boolean,
): readonly Run[] {
  const [first, ...args] = words;
  if (first === undefined) return [];
  const name = nameOf(first);
  const run = { ...place, name, args, gated };
  if (name === null) return [run];
  const passed = passedBy(name, args);
  if (passed !== null) return [run, ...follow(passed, place, lists, gated || name === 'mutate')];
  const code = codeOf(name, args);
  if (code === null || code.text.text === null) return [run];
  const reading = read({ path: place.source.path, text: code.text.text }, place);
  return [run, ...runsIn(reading, lists, code.args, gated)];
}

/** The variable BASH is the path of bash. */
function nameOf({ text, written }: Argument): string | null {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: this is bash
  if (written === '"${BASH}"') return 'bash';
  return text?.replace(/^.*\//u, '') ?? null;
}

/** The command that a function or a command is given to run, or null. */
function passedBy(name: string, args: readonly Argument[]): readonly Argument[] | null {
  const skipped = runners[name];
  if (skipped !== undefined) return args.length > skipped ? args.slice(skipped) : null;
  const wrapped = wrappers[name];
  if (wrapped !== undefined) return [...wrapped.map(plain), ...args];
  const prefix = prefixes[name];
  if (prefix === undefined) return null;
  let at = 0;
  for (; at < args.length; at += 1) {
    const text = args[at]?.text ?? '';
    if (name === 'command' && /^-[vV]/u.test(text)) return null;
    if (name === 'env' && /^['"]?[A-Za-z_0-9]+=/u.test(args[at]?.written ?? '')) continue;
    if (!text.startsWith('-')) break;
    if (prefix.options.split(' ').includes(text)) at += 1;
    if (text === '--') {
      at += 1;
      break;
    }
  }
  const passed = args.slice(at + prefix.own);
  return passed.length > 0 ? passed : null;
}

/** The bash text that a command is given to run, and the arguments of that text; or null. */
export function codeOf(
  name: string,
  args: readonly Argument[],
): { readonly text: Argument; readonly args: readonly Argument[] } | null {
  const at = name === 'trap' ? 0 : args.findIndex(({ text }) => text === '-c') + 1;
  const text = args[at];
  if (text === undefined || text.text === '-' || text.text === '') return null;
  if (name !== 'trap' && !(shells.has(name) && at > 0)) return null;
  return { text, args: args.slice(at + 2) };
}

function plain(text: string): Argument {
  return { text, written: text, expansions: [], many: false };
}

function expanded(
  words: readonly (Word | Assignment)[],
  { within }: Place,
  lists: Lists,
  positional: readonly Argument[] | null,
): readonly Argument[] {
  return words.flatMap((word) => {
    if (word.type === 'Assignment') {
      const values = word.value.type === 'Word' ? expansionsIn(word.value) : [];
      return [{ text: null, written: word.text, expansions: values, many: false }];
    }
    const list = listIn(word);
    if (list === null) return [argumentOf(word)];
    const found = list.name === '@' ? positional?.slice(list.from - 1) : lists(list.name, within);
    return found ?? [argumentOf(word)];
  });
}

const knownArguments = new WeakMap<Word, Argument>();

function argumentOf(word: Word): Argument {
  const known = knownArguments.get(word) ?? newArgument(word);
  knownArguments.set(word, known);
  return known;
}

function newArgument(word: Word): Argument {
  const bare = word.parts?.some(({ type }) => /Expansion$|^Glob$|^ExtendedGlob$/u.test(type));
  return {
    text: literalOf(word),
    written: word.text,
    expansions: expansionsIn(word),
    many: bare === true || listIn(word) !== null,
  };
}

/** From all assignments of an array: in the function that declares it, or else anywhere. */
function listsOf(readings: readonly Reading[]): Lists {
  const owner = ownersOf(readings);
  const found = new Map<string, readonly Argument[] | null>();
  for (const { name, within, values } of readings.flatMap(({ assignments }) => assignments)) {
    const key = owner(name, within);
    const known = found.get(key);
    if (known !== null) {
      found.set(key, values === null ? null : [...(known ?? []), ...values.map(argumentOf)]);
    }
  }
  return (name, within) => found.get(owner(name, within)) ?? null;
}

/** A variable by the function that declares it as its own, or by its name alone. */
export function ownersOf(
  readings: readonly Reading[],
): (name: string, within: string | null) => string {
  const own = new Set(
    readings
      .flatMap(({ assignments }) => assignments)
      .filter(({ isLocal, within }) => isLocal && within !== null)
      .map(({ name, within }) => `${within} ${name}`),
  );
  return (name, within) => (own.has(`${within} ${name}`) ? `${within} ${name}` : name);
}

// Bash text -> its simple commands, redirections and assignments, each with the function it is in.
//
// The tree is that of unbash. sh-syntax, with which the tests format, has a tree too, but its nodes
// of commands have only a position: no words, no redirections.

import {
  type Assignment,
  type Command,
  forEachChild,
  type Redirect,
  type SyntaxNode,
  parse as treeOf,
  type Word,
  type WordPart,
} from 'unbash';

/** A file of bash, or a part of one. */
export interface Source {
  readonly path: string;
  readonly text: string;
}

/** Where something stands. */
export interface Place {
  readonly source: Source;
  readonly line: number;
  /** The function it is in, or null. */
  readonly within: string | null;
}

interface CommandAt extends Place {
  readonly node: Command;
}

interface RedirectAt extends Place {
  readonly node: Redirect;
}

interface AssignmentAt extends Place {
  readonly name: string;
  /** The values that it can get; null if a command sets it, such as read. */
  readonly values: readonly Word[] | null;
  readonly isLocal: boolean;
}

interface ErrorAt extends Place {
  readonly what: string;
}

/** What a source contains, in its order. */
export interface Reading {
  readonly functions: readonly string[];
  readonly commands: readonly CommandAt[];
  readonly redirects: readonly RedirectAt[];
  readonly assignments: readonly AssignmentAt[];
  /** Where the parser cannot read it. */
  readonly errors: readonly ErrorAt[];
}

const declaring = new Set(['declare', 'local', 'readonly', 'typeset']);

/** Builtins that set the variables they are given. */
const setting = new Set(['getopts', 'mapfile', 'printf', 'read', 'readarray', 'unset']);

/** Reads bash. `at` is its place, if it is a word of another source. */
export function read(source: Source, at: Place | null = null): Reading {
  const reading = {
    functions: [] as string[],
    commands: [] as CommandAt[],
    redirects: [] as RedirectAt[],
    assignments: [] as AssignmentAt[],
    errors: [] as ErrorAt[],
  };
  const lineOf = lineFinder(source.text);
  const visit = (node: SyntaxNode, within: string | null, fixed: number | null) => {
    const place = at ?? { source, line: fixed ?? lineOf(node.pos), within };
    let inside = within;
    let inner = fixed;
    if (node.type === 'Script') {
      for (const { message, pos } of node.errors ?? []) {
        const line = at?.line ?? fixed ?? lineOf(pos);
        reading.errors.push({ ...place, line, what: message });
      }
      // Positions in a script in backquotes are its own.
      if (node.source !== undefined) inner = place.line;
    } else if (node.type === 'Function') {
      inside = node.name.value;
      reading.functions.push(inside);
    } else if (node.type === 'Command') {
      reading.commands.push({ ...place, node });
      reading.assignments.push(...assignedBy(node).map((each) => ({ ...place, ...each })));
      for (const code of codeIn(node)) {
        const nested = read({ path: source.path, text: code }, place);
        reading.redirects.push(...nested.redirects);
        reading.errors.push(...nested.errors);
      }
    } else if (node.type === 'Redirect') {
      reading.redirects.push({ ...place, node });
    } else if (node.type === 'For') {
      const values = node.wordlist ?? null;
      reading.assignments.push({ ...place, name: node.name.value, values, isLocal: false });
    }
    forEachChild(node, (child) => visit(child, inside, inner));
  };
  visit(treeOf(source.text), at?.within ?? null, null);
  return reading;
}

function lineFinder(text: string): (offset: number) => number {
  const ends = [...text.matchAll(/\n/gu)].map(({ index }) => index);
  return (offset) => {
    let low = 0;
    for (let high = ends.length; low < high; ) {
      const middle = (low + high) >> 1;
      if ((ends[middle] ?? 0) < offset) low = middle + 1;
      else high = middle;
    }
    return low + 1;
  };
}

type Assigned = Omit<AssignmentAt, keyof Place>;

function assignedBy(node: Command): readonly Assigned[] {
  const name = node.name?.value ?? '';
  const isLocal = declaring.has(name);
  return [...node.prefix, ...node.suffix].flatMap((each): readonly Assigned[] => {
    if (each.type === 'Assignment') return [{ name: each.name, values: valuesOf(each), isLocal }];
    if (each.type !== 'Word') return [];
    if (isLocal) return [{ name: each.value, values: [], isLocal }];
    return setting.has(name) ? [{ name: each.value, values: null, isLocal }] : [];
  });
}

function valuesOf({ value }: Assignment): readonly Word[] {
  return value.type === 'ArrayValue' ? value.elements : [value];
}

/** Bash in the words of a command, where it is known: of trap, and of a shell with -c. */
function codeIn({ name, args }: Command): readonly string[] {
  const words = args.map((each) => (each.type === 'Word' ? literalOf(each) : null));
  const at = name?.value === 'trap' ? 0 : words.indexOf('-c') + 1;
  const isShell =
    args.some(({ text }) => /^(ba|da)?sh$/u.test(text)) || shell.test(name?.text ?? '');
  const code = name?.value === 'trap' || (isShell && at > 0) ? words[at] : null;
  return code === null || code === undefined ? [] : [code];
}

const shell = /^(ba|da)?sh$/u;

/** The text of a word as bash reads it, or null if it is known only at run time. */
export function literalOf(word: Word): string | null {
  if (word.parts === undefined) return word.value;
  return joined(word.parts, (part) => {
    if (part.type === 'DoubleQuoted') {
      return joined(part.parts, (each) => (each.type === 'Literal' ? each.value : null));
    }
    const known = part.type === 'Literal' || /^(AnsiC|Single)Quoted$/u.test(part.type);
    return known && 'value' in part ? part.value : null;
  });
}

function joined<T>(parts: readonly T[], textOf: (part: T) => string | null): string | null {
  const texts = parts.map(textOf);
  return texts.includes(null) ? null : texts.join('');
}

/** What bash expands in a word, as it is written. */
export function expansionsIn(word: Word): readonly string[] {
  const of = (part: WordPart): readonly string[] => {
    if (part.type === 'DoubleQuoted') return part.parts.flatMap(of);
    return /Expansion$|Substitution$/u.test(part.type) ? [part.text] : [];
  };
  return (word.parts ?? []).flatMap(of);
}

/** `"$@"`, `"${@:N}"` and `"${name[@]}"`, which stand for any number of words; otherwise null. */
export function listIn(word: Word): { readonly name: string; readonly from: number } | null {
  const found = /^"\$(?:@|\{(?:@(?::([0-9]+))?|([A-Za-z_0-9]+)\[@\])\})"$/u.exec(word.text);
  return found === null ? null : { name: found[2] ?? '@', from: Number(found[1] ?? 1) };
}

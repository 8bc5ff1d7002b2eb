// Turns a text into the JSON value it holds and the place of every part of it, strictly.

import {
  createScanner,
  type Node,
  type ParseError,
  parseTree,
  printParseErrorCode,
} from 'jsonc-parser';
import { type Diagnostic, diagnostic, type Position } from '../diagnostic.ts';

/** Keys and indices from the root of the text to a value. */
export type Path = readonly (string | number)[];

/** Where a value stands; for a value left out, where its nearest ancestor stands. */
export type Locate = (path: Path) => Position;

/** What readJson answers. If broken the text is not JSON, and the value means nothing. */
export interface Reading {
  readonly broken: boolean;
  readonly value: unknown;
  readonly diagnostics: readonly Diagnostic[];
  readonly locate: Locate;
  /** Where the key of a member stands. */
  readonly locateKey: Locate;
}

/** The offset of a value, of its key if it is a member, and the places inside it. */
interface Place {
  readonly offset: number;
  readonly key: number;
  readonly inside: ReadonlyMap<string | number, Place>;
}

const deepest = 32;

// jsonc-parser numbers these in a const enum, which does not exist at run time.
const openBrace = 1;
const closeBrace = 2;
const openBracket = 3;
const closeBracket = 4;
const comma = 5;
const lineComment = 12;
const blockComment = 13;
const lineBreak = 14;
const blank = 15;
const end = 17;

/**
 * Reads one JSON value. Comments, trailing commas and repeated keys are problems, but the rest can
 * still be judged (of repeated keys the last); with any other problem it cannot.
 *
 * @param file name for the diagnostics; nothing is read from it
 */
export function readJson(text: string, file: string): Reading {
  const position = positions(text);
  const surface = scan(text);
  if (surface.abyss !== null) {
    const problem = diagnostic(
      'INV014',
      { file, position: position(surface.abyss) },
      {
        what: `more than ${deepest} brackets are open here`,
        why: 'No inventory is nested so deeply.',
        remedy: 'Check that this file is the inventory.',
      },
    );
    return unreadable([problem]);
  }

  const errors: ParseError[] = [];
  const tree = parseTree(text, errors, { allowTrailingComma: true });
  const chokedOn = new Set(errors.map(({ offset }) => offset));
  const tolerated = surface.dialect.filter(({ offset }) => !chokedOn.has(offset));
  const dialect = tolerated.map(({ offset, comment }) =>
    diagnostic(
      'INV002',
      { file, position: position(offset) },
      {
        what: comment ? 'a comment' : 'a comma before a closing bracket',
        why: 'An inventory is strict JSON, which every tool reads alike.',
        remedy: comment
          ? 'Put the words into "notes", of the cluster or of a host.'
          : 'Remove the comma.',
      },
    ),
  );
  const syntax = firstOfEachLine(errors, position).map(({ error, offset }) =>
    diagnostic(
      'INV001',
      { file, position: position(offset) },
      {
        what: `not JSON: ${syntaxWords[printParseErrorCode(error)] ?? 'not understood'}`,
        why: 'Nothing else in the file can be checked before it is JSON.',
        remedy: 'Correct the text here or shortly before; "jq . FILE" finds the same place.',
      },
    ),
  );
  if (tree === undefined || syntax.length > 0) return unreadable([...dialect, ...syntax]);

  const repeated: Diagnostic[] = [];
  const { value, place } = walk(tree, tree.offset, (key, offset, first) => {
    const at = position(first);
    repeated.push(
      diagnostic(
        'INV003',
        { file, position: position(offset) },
        {
          what: `the key "${key}" is given twice, first at ${at.line}:${at.column}`,
          why: 'Readers of JSON disagree on which of the two counts.',
          remedy: 'Remove one of the two.',
        },
      ),
    );
  });
  return {
    broken: false,
    value,
    diagnostics: [...dialect, ...repeated],
    locate: (path) => position(find(place, path).offset),
    locateKey: (path) => position(find(place, path).key),
  };
}

function unreadable(diagnostics: readonly Diagnostic[]): Reading {
  const nowhere: Locate = () => ({ line: 1, column: 1 });
  return { broken: true, value: null, diagnostics, locate: nowhere, locateKey: nowhere };
}

/**
 * What the parser would accept or choke on: comments, commas before a closing bracket, and (abyss)
 * the first bracket too deep for a parser that calls itself.
 */
function scan(text: string): {
  readonly abyss: number | null;
  readonly dialect: readonly { readonly offset: number; readonly comment: boolean }[];
} {
  const dialect: { readonly offset: number; readonly comment: boolean }[] = [];
  const scanner = createScanner(text);
  let depth = 0;
  let lastComma: number | null = null;
  for (let token: number = scanner.scan(); token !== end; token = scanner.scan()) {
    const offset = scanner.getTokenOffset();
    if (token === lineBreak || token === blank) continue;
    if (token === lineComment || token === blockComment) {
      dialect.push({ offset, comment: true });
      continue;
    }
    if (token === openBrace || token === openBracket) depth += 1;
    if (depth > deepest) return { abyss: offset, dialect };
    if (token === closeBrace || token === closeBracket) {
      depth -= 1;
      if (lastComma !== null) dialect.push({ offset: lastComma, comment: false });
    }
    lastComma = token === comma ? offset : null;
  }
  return { abyss: null, dialect };
}

/** Later errors of a line are mostly echoes of its first. */
function firstOfEachLine(
  errors: readonly ParseError[],
  position: (offset: number) => Position,
): readonly ParseError[] {
  const lines = new Set<number>();
  return errors.filter(({ offset }) => {
    const { line } = position(offset);
    const isFirst = !lines.has(line);
    lines.add(line);
    return isFirst;
  });
}

const syntaxWords: Readonly<Record<string, string>> = {
  InvalidSymbol: 'unknown word or character',
  InvalidNumberFormat: 'malformed number',
  PropertyNameExpected: 'a key in double quotes is expected',
  ValueExpected: 'a value is expected',
  ColonExpected: 'a colon is expected',
  CommaExpected: 'a comma or the closing bracket is expected',
  CloseBraceExpected: 'a closing brace is missing',
  CloseBracketExpected: 'a closing bracket is missing',
  EndOfFileExpected: 'the text goes on after its end',
  UnexpectedEndOfComment: 'a comment without end',
  UnexpectedEndOfString: 'a string without closing quote',
  UnexpectedEndOfNumber: 'a number without digits',
  InvalidUnicode: 'a malformed \\u escape in a string',
  InvalidEscapeCharacter: 'an unknown escape in a string',
  InvalidCharacter: 'a control character in a string',
};

/** Value and places in one pass, so that a place is found without searching the tree. */
function walk(
  node: Node,
  key: number,
  onRepeated: (key: string, offset: number, first: number) => void,
): { readonly value: unknown; readonly place: Place } {
  const inside = new Map<string | number, Place>();
  if (node.type === 'array') {
    const values = (node.children ?? []).map((child, i) => {
      const { value, place } = walk(child, child.offset, onRepeated);
      inside.set(i, place);
      return value;
    });
    return { value: values, place: { offset: node.offset, key, inside } };
  }
  if (node.type !== 'object') {
    return { value: node.value, place: { offset: node.offset, key, inside } };
  }
  const value = {};
  for (const { children } of node.children ?? []) {
    const [name, content] = children ?? [];
    if (name === undefined || content === undefined) continue;
    const text = String(name.value);
    const first = inside.get(text);
    if (first !== undefined) onRepeated(text, name.offset, first.key);
    const member = walk(content, name.offset, onRepeated);
    inside.set(text, member.place);
    // Not by assignment, which would take the key __proto__ for something else.
    Object.defineProperty(value, text, {
      value: member.value,
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  return { value, place: { offset: node.offset, key, inside } };
}

function find(root: Place, path: Path): Place {
  let place = root;
  for (const step of path) {
    const next = place.inside.get(step);
    if (next === undefined) return place;
    place = next;
  }
  return place;
}

/** Offset to line and column, by binary search in the line starts. */
function positions(text: string): (offset: number) => Position {
  const starts = [0];
  for (const { index } of text.matchAll(/\r\n|\r|\n/gu)) {
    starts.push(index + (text.startsWith('\r\n', index) ? 2 : 1));
  }
  return (offset) => {
    let [low, high] = [0, starts.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - (starts[low] ?? 0) + 1 };
  };
}

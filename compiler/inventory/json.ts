// Text -> the JSON value in it and the position of each of its parts, strictly.

import {
  createScanner,
  type Node,
  type ParseError,
  parseTree,
  printParseErrorCode,
} from 'jsonc-parser';
import { characterWords, plainForm, surprise } from '../characters.ts';
import { type Diagnostic, diagnostic, type Position, type Span } from '../diagnostic.ts';

/** Keys and indices from the root of the text to a value. */
export type Path = readonly (string | number)[];

/** The part of the text that is a value; if it is left out, the first character of its closest ancestor. */
export type Locate = (path: Path) => Span;

/** If broken, the text is not JSON and the value means nothing. */
export interface Reading {
  readonly broken: boolean;
  readonly value: unknown;
  readonly diagnostics: readonly Diagnostic[];
  readonly locate: Locate;
  /** The part of the text that is the key of a member. */
  readonly locateKey: Locate;
}

/** A part of the text, by its offset. */
interface Part {
  readonly offset: number;
  readonly length: number;
}

/** A value, its key if it is a member, and the places inside it. */
interface Place {
  readonly value: Part;
  readonly key: Part;
  readonly inside: ReadonlyMap<string | number, Place>;
}

const deepest = 32;
/** Of brackets, keys, values and commas. A thousand hosts have fewer than 100,000. */
const mostTokens = 400_000;
/** Nobody reads more, and rubbish has millions. */
export const mostProblems = 10_000;

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
 * Reads one JSON value. If it has comments, trailing commas or duplicate keys, the rest can still be
 * checked (the last of duplicate keys counts). With any other problem it cannot.
 *
 * @param file name for the diagnostics; nothing is read from it
 */
export function readJson(text: string, file: string): Reading {
  const position = positions(text);
  const span = ({ offset, length }: Part): Span => ({
    ...position(offset),
    end: position(offset + length),
  });
  const surface = scan(text);
  if (surface.abyss !== null) {
    const at = { file, position: span(surface.abyss) };
    const remedy = 'Check that this file is the inventory.';
    const problem = surface.isLong
      ? diagnostic('BUN019', at, {
          what: `more than ${mostTokens} values, keys, brackets and commas up to here`,
          why: 'An inventory of a thousand hosts has fewer than 100000.',
          remedy,
        })
      : diagnostic('INV014', at, {
          what: `more than ${deepest} brackets are open here`,
          why: 'An inventory has only a few levels.',
          remedy,
        });
    return unreadable([problem]);
  }

  const errors: ParseError[] = [];
  const tree = parseTree(text, errors, { allowTrailingComma: true });
  const chokedOn = new Set(errors.map(({ offset }) => offset));
  const tolerated = surface.dialect.filter(({ offset }) => !chokedOn.has(offset));
  const dialect = tolerated.map(({ comment, ...part }) =>
    diagnostic(
      'INV002',
      { file, position: span(part) },
      {
        what: comment ? 'a comment' : 'a comma before a closing bracket',
        why: 'An inventory is strict JSON, so that every tool reads the same values.',
        remedy: comment
          ? 'Move the text to "notes", of the cluster or of a host.'
          : 'Remove the comma.',
      },
    ),
  );
  const syntax = firstOfEachLine(errors.slice(0, mostProblems), position).map((error) => {
    const { words, remedy, part } = syntaxProblem(error, text);
    return diagnostic(
      'INV001',
      { file, position: span(part) },
      {
        what: `not JSON: ${words}`,
        why: 'Nothing else can be checked until the file is valid JSON.',
        remedy,
      },
    );
  });
  if (tree === undefined || syntax.length > 0) return unreadable([...dialect, ...syntax]);

  const repeated: Diagnostic[] = [];
  const { value, place } = walk(tree, tree, (key, again, first) => {
    if (repeated.length >= mostProblems) return;
    const at = position(first.offset);
    repeated.push(
      diagnostic(
        'INV003',
        { file, position: span(again) },
        {
          what: `duplicate key "${key.length > 60 ? `${key.slice(0, 57)}...` : key}", first at ${at.line}:${at.column}`,
          why: 'JSON readers disagree on which of the two to use.',
          remedy: 'Remove one of the two.',
        },
      ),
    );
  });
  return {
    broken: false,
    value,
    diagnostics: [...dialect, ...repeated],
    locate: (path) => span(find(place, path, 'value')),
    locateKey: (path) => span(find(place, path, 'key')),
  };
}

function unreadable(diagnostics: readonly Diagnostic[]): Reading {
  const nowhere: Locate = () => ({ line: 1, column: 1, end: { line: 1, column: 1 } });
  return { broken: true, value: null, diagnostics, locate: nowhere, locateKey: nowhere };
}

/**
 * Finds comments, commas before a closing bracket and (abyss) where the text is nested too deeply for a
 * recursive parser, or too long.
 */
function scan(text: string): {
  readonly abyss: Part | null;
  /** Whether the text is too long there, and not too deep. */
  readonly isLong: boolean;
  readonly dialect: readonly (Part & { readonly comment: boolean })[];
} {
  const dialect: (Part & { readonly comment: boolean })[] = [];
  const scanner = createScanner(text);
  let depth = 0;
  let tokens = 0;
  let lastComma: Part | null = null;
  for (let token: number = scanner.scan(); token !== end; token = scanner.scan()) {
    const part = { offset: scanner.getTokenOffset(), length: scanner.getTokenLength() };
    if (token === lineBreak || token === blank) continue;
    if (token === lineComment || token === blockComment) {
      if (dialect.length < mostProblems) dialect.push({ ...part, comment: true });
      continue;
    }
    if (token === openBrace || token === openBracket) depth += 1;
    tokens += 1;
    if (depth > deepest) return { abyss: part, isLong: false, dialect };
    if (tokens > mostTokens) return { abyss: part, isLong: true, dialect };
    if (token === closeBrace || token === closeBracket) {
      depth -= 1;
      if (lastComma !== null) dialect.push({ ...lastComma, comment: false });
    }
    lastComma = token === comma ? part : null;
  }
  return { abyss: null, isLong: false, dialect };
}

/** Later errors of a line usually follow from its first. */
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

/** An error of the parser in words. A character that surprises is named, and is its position. */
function syntaxProblem(
  { error, offset, length }: ParseError,
  text: string,
): { readonly words: string; readonly remedy: string; readonly part: Part } {
  const token = text.slice(offset, offset + Math.min(length, 200));
  const code = printParseErrorCode(error);
  if (code === 'InvalidCharacter') {
    const at = token.search(/\p{Cc}/u);
    return {
      words: `${at < 0 ? 'a control character' : characterWords(token.charAt(at))} in a string`,
      remedy: 'Remove it, or write it as an escape: \\t for a tab, \\n for a line feed.',
      part: { offset: offset + Math.max(0, at), length: 1 },
    };
  }
  // Any other character is fine in a string.
  const strange = token.startsWith('"') ? null : surprise(token);
  if (strange === null) {
    return {
      words: syntaxWords[code] ?? 'syntax error',
      remedy: 'Correct the text here or shortly before. "jq . FILE" shows the same position.',
      part: { offset, length: Math.max(1, length) },
    };
  }
  const plain = plainForm(strange);
  const part = { offset: offset + token.indexOf(strange), length: strange.length };
  const words = characterWords(strange);
  if (part.offset === 0 && strange === '\ufeff') {
    return { words: `${words} at its start`, remedy: 'Save the file as UTF-8 without it.', part };
  }
  return {
    words: `${words} outside of a string`,
    remedy: plain === null ? 'Remove it.' : `Write ${plainWords[plain] ?? plain} instead.`,
    part,
  };
}

const plainWords: Readonly<Record<string, string>> = {
  '"': 'a straight double quote (")',
  "'": 'a straight double quote (")',
  ' ': 'an ordinary space',
  '-': 'an ordinary hyphen (-)',
};

const syntaxWords: Readonly<Record<string, string>> = {
  InvalidSymbol: 'unknown word or character',
  InvalidNumberFormat: 'malformed number',
  PropertyNameExpected: 'a key in double quotes is expected',
  ValueExpected: 'a value is expected',
  ColonExpected: 'a colon is expected',
  CommaExpected: 'a comma or the closing bracket is expected',
  CloseBraceExpected: 'a closing brace is missing',
  CloseBracketExpected: 'a closing bracket is missing',
  EndOfFileExpected: 'there is text after the end of the value',
  UnexpectedEndOfComment: 'a comment without end',
  UnexpectedEndOfString: 'a string without closing quote',
  UnexpectedEndOfNumber: 'a number without digits',
  InvalidUnicode: 'a malformed \\u escape in a string',
  InvalidEscapeCharacter: 'an unknown escape in a string',
};

/** Value and places in one pass, so that a place is found without a search of the tree. */
function walk(
  node: Node,
  key: Part,
  onRepeated: (key: string, again: Part, first: Part) => void,
): { readonly value: unknown; readonly place: Place } {
  const inside = new Map<string | number, Place>();
  const place = { value: partOf(node), key: partOf(key), inside };
  if (node.type === 'array') {
    const values = (node.children ?? []).map((child, i) => {
      const walked = walk(child, child, onRepeated);
      inside.set(i, walked.place);
      return walked.value;
    });
    return { value: values, place };
  }
  if (node.type !== 'object') return { value: node.value, place };
  const value = {};
  for (const { children } of node.children ?? []) {
    const [name, content] = children ?? [];
    if (name === undefined || content === undefined) continue;
    const text = String(name.value);
    const first = inside.get(text);
    if (first !== undefined) onRepeated(text, name, first.key);
    const member = walk(content, name, onRepeated);
    inside.set(text, member.place);
    // An assignment would treat the key __proto__ differently.
    Object.defineProperty(value, text, {
      value: member.value,
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  return { value, place };
}

// A node also refers to its parent: keeping it would keep the tree.
function partOf({ offset, length }: Part): Part {
  return { offset, length };
}

function find(root: Place, path: Path, part: 'value' | 'key'): Part {
  let place = root;
  for (const step of path) {
    const next = place.inside.get(step);
    if (next === undefined) return { offset: place[part].offset, length: 1 };
    place = next;
  }
  return place[part];
}

/** Offset -> line and column, by binary search in the line starts. */
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

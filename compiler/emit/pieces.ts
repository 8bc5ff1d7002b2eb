// Bash text -> its pieces: functions and settings, found by name. A script carries those it reaches.

import { sha256 } from '../sha256.ts';
import { remembered } from './remembered.ts';
import { wordsOf } from './tools.ts';

/** One function, or one block of settings between two empty lines, with the comment above it. */
export interface Piece {
  /** The function's name; a block of settings has that of its first variable. */
  readonly name: string;
  /** Every name it defines. */
  readonly names: readonly string[];
  readonly kind: 'function' | 'settings';
  /** Without the final newline. */
  readonly text: string;
  /** SHA-256 of the text, in hexadecimal. */
  readonly digest: string;
}

const opening = /^([a-z_0-9]+)\(\) [{(]$/u;
const assignment = /^(?:(?:readonly|declare|local) (?:-[aA] )?)?([A-Za-z_0-9]+)=/u;
const numbers = /^readonly( [A-Z_]+=\d+)+$/u;

/** The pieces of a file of bash, in its order. Comments above no code are left out. */
export const piecesOf = remembered((text): readonly Piece[] => {
  const pieces: Piece[] = [];
  let comment: string[] = [];
  let block: string[] = [];
  const close = (kind: Piece['kind']) => {
    const code = block.filter((line) => !line.startsWith('#'));
    const names =
      kind === 'function'
        ? code.slice(0, 1).map((line) => opening.exec(line)?.[1] ?? '')
        : code.flatMap(assignedBy);
    const complete = [...comment, ...block].join('\n');
    pieces.push({ name: names[0] ?? '', names, kind, text: complete, digest: sha256(complete) });
    comment = [];
    block = [];
  };
  let within = false;
  for (const line of text.split('\n')) {
    if (within) {
      block.push(line);
      if (/^[})]/u.test(line)) {
        close('function');
        within = false;
      }
    } else if (line === '') {
      if (block.length > 0) close('settings');
      comment = [];
    } else if (opening.test(line)) {
      if (block.length > 0) close('settings');
      block.push(line);
      within = true;
    } else if (line.startsWith('#') && block.length === 0) {
      comment.push(line);
    } else {
      block.push(line);
    }
  }
  if (block.length > 0) close('settings');
  return pieces;
});

/** The names that a line of settings assigns: one, or several numbers. */
function assignedBy(line: string): readonly string[] {
  const several = numbers.test(line) ? [...line.matchAll(/([A-Z_]+)=/gu)] : [];
  const name = assignment.exec(line)?.[1];
  if (several.length > 0) return several.map(([, each = '']) => each);
  return name === undefined ? [] : [name];
}

/** The names a piece mentions: functions as bare words, variables wherever they are expanded. */
const mentions = remembered((text): ReadonlySet<string> => {
  const read = [...text.matchAll(/\$\{[#!]?([A-Za-z_0-9]+)/gu)].map(([, name = '']) => name);
  const counted = text.match(/\(\([^()]*/gu)?.flatMap((part) => part.match(/\w+/gu) ?? []);
  const set = [...text.matchAll(/(?:^|\s)([A-Za-z_0-9]+)\+?=/gu)].map(([, name = '']) => name);
  return new Set([...wordsOf(text), ...read, ...set, ...(counted ?? [])]);
});

/**
 * The pieces that `called` reaches, directly or through other pieces: settings first, in the order of
 * `pieces`; then functions, each before those that only it and later ones call.
 *
 * @param called bash text that calls them, in the order of the page.
 */
export function reached(called: readonly string[], pieces: readonly Piece[]): readonly Piece[] {
  const byName = new Map(pieces.flatMap((piece) => piece.names.map((name) => [name, piece])));
  const found = new Set<Piece>();
  const follow = (text: string) => {
    for (const name of mentions(text)) {
      const piece = byName.get(name);
      if (piece === undefined || found.has(piece)) continue;
      found.add(piece);
      follow(piece.text);
    }
  };
  for (const text of called) follow(text);
  const settings = pieces.filter((piece) => piece.kind === 'settings' && found.has(piece));
  return [...settings, ...[...found].filter((piece) => piece.kind === 'function')];
}

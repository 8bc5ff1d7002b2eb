// Bash files -> findings of the rules of this project, which ShellCheck does not know.
//
// The templates are constant, so they are checked here and not on the machine of a user.

import { joinedCommands, readPage } from '../../compiler/emit/parts.ts';
import { remembered } from '../../compiler/emit/remembered.ts';
import { type Reading, read, type Source } from './bash.ts';
import { runsOf } from './commands.ts';
import type { Finding } from './findings.ts';
import { forbiddenIn } from './forbidden.ts';
import { changesOutside, type Exceptions } from './gate.ts';

/** Reads each text once: the test of the gate checks the same files many times. */
const readings = new Map<string, (text: string) => Reading>();

function readingOf({ path, text }: Source): Reading {
  const known = readings.get(path) ?? remembered((each) => read({ path, text: each }));
  readings.set(path, known);
  return known(text);
}

/**
 * Findings in files of bash that belong together: a function of one can be called in all of them.
 *
 * @param used reports which exceptions were needed.
 */
export function checkBash(
  sources: readonly Source[],
  exceptions: Exceptions = {},
  used?: (exception: string, runs: string) => void,
): readonly Finding[] {
  const all = sources.map(readingOf);
  const runs = runsOf(all);
  const functions = new Set(all.flatMap((reading) => reading.functions));
  return [
    ...syntaxIn(all),
    ...changesOutside(all, runs, exceptions, used),
    ...forbiddenIn(runs, functions),
  ];
}

/** Commands that a page lists in comments, which people may type: whether they are bash. */
export function checkListed({ path, text }: Source): readonly Finding[] {
  const { steps } = readPage(text);
  const lines = steps.flatMap((step) => joinedCommands(step.lines));
  return lines
    .filter((line) => /^[$?] /u.test(line))
    .flatMap((line) => syntaxIn([read({ path, text: line.slice(2) })]));
}

function syntaxIn(all: readonly Reading[]): readonly Finding[] {
  return all
    .flatMap(({ errors }) => errors)
    .map((place) => ({ rule: 'syntax', place, what: place.what }));
}

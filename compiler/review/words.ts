// The differences between two bundles -> lines for a terminal.

import type { Change, Difference, ValueDifference } from './diff.ts';
import { scriptWords } from './review.ts';

/** The differences in words, one a line, by what they are. */
export function differenceWords(difference: Difference): string {
  if (difference.same) return 'No difference.\n';
  const { values, scripts, steps, guards, scriptValues, commands, functions, lines, files } =
    difference;
  const groups: readonly (readonly [string, readonly string[]])[] = [
    ['Values', values.map(valueLine)],
    [
      'Scripts',
      scripts.map(({ what, name, before, after }) => `${name} ${what} (${after ?? before})`),
    ],
    ['Steps', steps.map((change) => `step ${change.after ?? change.before} ${inScripts(change)}`)],
    ['Guards', guards.map((change) => `guard ${change.name} ${inScripts(change)}`)],
    [
      'Values in scripts',
      scriptValues.flatMap((change) => [`${change.name} ${inScripts(change)}`, ...texts(change)]),
    ],
    [
      'Commands',
      commands.flatMap((change) => [
        `commands of ${change.name} ${inScripts(change)}`,
        ...texts(change),
      ]),
    ],
    [
      'Functions',
      functions.map(
        ({ what, name, scripts: all }) =>
          `function ${name} ${what} (in ${all.length} script${all.length === 1 ? '' : 's'})`,
      ),
    ],
    ['Other lines of scripts', lines.map((change) => `${change.name} ${inScripts(change)}`)],
    ['Other files', files.map(({ what, name }) => `${name} ${what}`)],
  ];
  return groups
    .filter(([, all]) => all.length > 0)
    .map(([title, all]) => `${title}\n${all.map((line) => `  ${line}\n`).join('')}`)
    .join('\n');
}

function valueLine({
  name,
  before,
  after,
  scripts,
  values,
  commands,
  also,
}: ValueDifference): string {
  const change =
    before === null
      ? `${name} ${after} added`
      : after === null
        ? `${name} ${before} removed`
        : `${name} ${before} -> ${after}`;
  if (scripts.length === 0) return change;
  const places = [
    ...(values.length > 0 ? [`values ${values.join(', ')}`] : []),
    ...(commands.length > 0 ? [`commands of ${commands.join(', ')}`] : []),
    ...also,
  ];
  return `${change}; ${scripts.length} script${scripts.length === 1 ? '' : 's'}: ${places.join(', ')}`;
}

function inScripts({ what, scripts }: Change): string {
  return `${what} in ${scriptWords(scripts)}`;
}

/** What stood there and what stands there, shortened. */
function texts({ before, after }: Change): readonly string[] {
  const short = (text: string) => (text.length > 160 ? `${text.slice(0, 157)}...` : text);
  return [
    ...(before === null ? [] : [`  - ${short(before)}`]),
    ...(after === null ? [] : [`  + ${short(after)}`]),
  ];
}

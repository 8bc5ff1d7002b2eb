// Rendered scripts -> findings in their form: long lines, another engine, no last lines.

import { marks } from '../../compiler/emit/parts.ts';
import type { Source } from './bash.ts';
import type { Finding } from './findings.ts';

const columns = 100;

// biome-ignore lint/suspicious/noTemplateCurlyInString: this is bash
const ending = '\nif [[ "${BASH_SOURCE[0]}" == "$0" ]]; then\n  main "$@"\nfi\n';

/** Recovery scripts: the engine is reviewed once, so all of them have the same one. */
export function checkEngine(scripts: readonly Source[]): readonly Finding[] {
  const [first] = scripts;
  const engine = first === undefined ? '' : engineOf(first);
  return scripts
    .filter((source) => engineOf(source) === '' || engineOf(source) !== engine)
    .map((source) => {
      const line = source.text.split('\n').indexOf(marks.engine) + 1;
      return finding('engine', source, line, 'it is not that of the first script');
    });
}

/** The last lines start a script, unless it is sourced. So a truncated copy runs nothing. */
export function checkEnding(source: Source): readonly Finding[] {
  if (source.text.endsWith(ending)) return [];
  const line = source.text.split('\n').length;
  return [finding('ending', source, line, 'its last lines do not start it')];
}

/** Lines are read on narrow terminals. Above the line `end` values make them longer. */
export function checkWidth(source: Source, end: string): readonly Finding[] {
  const lines = source.text.split('\n');
  const values = lines.indexOf(end);
  return lines.flatMap((line, at) => {
    const length = [...line].length;
    if (length <= columns || (at < values && hasLongValues(line))) return [];
    return [finding('width', source, at + 1, `${length} columns`)];
  });
}

/** Whether a line is long because of values of the inventory, which cannot be split. */
function hasLongValues(line: string): boolean {
  const length = [...line].length;
  if (line.startsWith('#')) {
    const names = line.split(' ').filter((word) => word.length > 24);
    return length - names.join(' ').length <= columns;
  }
  const values = (line.match(/(?:'[^']*'|\\'|"[^"]*")+/gu) ?? []).map((value) => [...value].length);
  // A listed command can be split between two words.
  const counted = /^ +#/u.test(line)
    ? Math.max(0, ...values)
    : values.reduce((sum, each) => sum + each, 0);
  return length - counted <= columns / 2;
}

function engineOf({ text }: Source): string {
  const at = text.indexOf(`\n${marks.engine}\n`);
  return at < 0 ? '' : text.slice(at);
}

function finding(rule: Finding['rule'], source: Source, line: number, what: string): Finding {
  return { rule, place: { source, line, within: null }, what };
}

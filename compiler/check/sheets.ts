// Scripts -> the texts that ShellCheck reads: each distinct function once.

/** A script, or a sheet. */
export interface ScriptText {
  readonly path: string;
  readonly text: string;
}

/** Where the page and the values of a script end, and the functions begin, which scripts share. */
const border = '\n# --- functions';

/** What ShellCheck reads, and where a line of it stands in the scripts. */
export interface Sheets {
  readonly sheets: readonly ScriptText[];
  readonly placeOf: (path: string, line: number) => Place;
}

interface Place {
  readonly file: string;
  readonly line: number;
}

/**
 * Each distinct function is read once: of every script its page and values, and the functions of all
 * scripts in sheets of their own. A script that is not ours is a sheet as it is.
 *
 * @param lines a sheet of functions is closed at so many lines: ShellCheck's time grows with their square.
 */
export function sheetsOf(scripts: readonly ScriptText[], lines: number): Sheets {
  const ours = scripts.filter(({ text }) => text.includes(border));
  const others = scripts.filter(({ text }) => !text.includes(border));
  const pages = ours.map(({ path, text }) => {
    const head = text.slice(0, text.indexOf(border));
    return { path, text: `${head}\n${usesOf(['STATE', ...namesOf(head)])}\nguards\ncommands\n` };
  });
  const { common, functions } = blocksOfAll(ours);
  // What a function of another sheet sets, reads or ends cannot be seen here.
  const blind = lines === Number.POSITIVE_INFINITY ? '' : 'SC2034,SC2154,SC2317,';
  const sheets: ScriptText[] = [...others, ...pages];
  const places = new Map<string, readonly (Place | undefined)[]>();
  for (let next = 0; next < functions.length; ) {
    const some = [{ text: directives(ours, blind) }, ...common];
    for (let count = 0; next < functions.length && count < lines; next += 1) {
      const block = functions[next] as Block;
      some.push(block);
      count += block.text.split('\n').length;
    }
    const calls = some.flatMap(({ text }) => opening.exec(text)?.[1] ?? []);
    const settings = some.flatMap(({ text }) => (opening.test(text) ? [] : namesOf(text)));
    some.push({
      text: [
        'calls() {',
        ...calls.map((name) => `  [[ -z "\${BASH_ARGV[0]-}" ]] || ${name} "\${BASH_ARGV[@]}"`),
        '}',
        usesOf(settings),
        'calls',
        '',
      ].join('\n'),
    });
    const path = `functions ${places.size + 1}`;
    sheets.push({ path, text: some.map(({ text }) => text).join('\n') });
    places.set(path, some.flatMap(placesOf));
  }
  return { sheets, placeOf: (path, line) => places.get(path)?.[line - 1] ?? { file: path, line } };
}

/** A piece of bash, and where it stands first. */
interface Block {
  readonly text: string;
  readonly place?: Place;
}

function placesOf({ text, place }: Block): readonly (Place | undefined)[] {
  return text.split('\n').map((_, at) => place && { file: place.file, line: place.line + at });
}

const opening = /^([a-z_0-9]+)\(\) [{(]$/mu;

/** What bash text declares at its top level. */
function namesOf(text: string): readonly string[] {
  return [...text.matchAll(/^(?:readonly |declare )?(?:-[aA] )?([A-Za-z_0-9]+)=/gmu)].map(
    ([, name = '']) => name,
  );
}

/** A line that uses the variables. */
function usesOf(names: readonly string[]): string {
  return `: ${names.map((name) => `"\${${name}[@]-}"`).join(' ')}`;
}

/** The first lines of a sheet: the options of the scripts, and more codes that are not asked for. */
function directives(scripts: readonly ScriptText[], blind: string): string {
  const lines = scripts[0]?.text.match(/^# shellcheck .*$/gmu) ?? [];
  const all = lines.join('\n').replace('disable=', `disable=${blind}`);
  return `#!/usr/bin/env bash\n${all}\nset -Eeuo pipefail\nshopt -s inherit_errexit`;
}

/** What all functions may need (values, settings), and each distinct function. */
function blocksOfAll(scripts: readonly ScriptText[]): {
  readonly common: readonly Block[];
  readonly functions: readonly Block[];
} {
  const seen = new Set<string>();
  const values = new Map<string, Block>();
  const settings: Block[] = [];
  const functions: Block[] = [];
  for (const { path, text } of scripts) {
    const at = text.indexOf(border);
    const head = text.slice(0, at);
    const declared = /^readonly (?:-a )?([A-Z_]+)=(?:\(\n(?:.*\n)*?\)|.*)$/gmu;
    for (const [value, name = ''] of head.matchAll(declared)) values.set(name, { text: value });
    let line = head.split('\n').length + 1;
    for (const block of blocksOf(text.slice(at + 1))) {
      if (!seen.has(block)) {
        seen.add(block);
        const kind = opening.test(block) ? functions : settings;
        if (!/^(if |# ---)/u.test(block)) kind.push({ text: block, place: { file: path, line } });
      }
      line += block.split('\n').length + 1;
    }
  }
  return { common: [...values.values(), ...settings], functions };
}

/** Blocks of bash between two empty lines; a function is one block with the empty lines inside it. */
function blocksOf(text: string): readonly string[] {
  const blocks: string[] = [];
  let open = false;
  for (const part of text.split('\n\n')) {
    if (open) blocks.push(`${blocks.pop()}\n\n${part}`);
    else blocks.push(part);
    const last = blocks.at(-1) ?? '';
    open = /^[a-z_0-9]+\(\) [{(]$/mu.test(last) && !/^[})]/mu.test(last);
  }
  return blocks;
}

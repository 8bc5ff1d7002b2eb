// Script texts -> findings of the house rules: what ShellCheck cannot know about these scripts.

import type { Code } from '../codes.ts';
import { type Diagnostic, diagnostic } from '../diagnostic.ts';

/** One script as emitted. */
export interface ScriptText {
  readonly path: string;
  readonly text: string;
}

const columns = 100;
const libraryMark = '# --- library';
const stepsMark = '# --- steps';
// biome-ignore lint/suspicious/noTemplateCurlyInString: it is bash that is looked for
const guard = '\nif [[ "${BASH_SOURCE[0]}" == "$0" ]]; then\n  main "$@"\nfi\n';

/** All findings; scripts are read one at a time. */
export function checkHouse(scripts: Iterable<ScriptText>): readonly Diagnostic[] {
  const findings: Diagnostic[] = [];
  let library: string | null = null;
  for (const script of scripts) {
    const { path, text } = script;
    const report = reporter(path);
    const [before, own] = split(text, libraryMark);
    const [front, steps] = split(before, stepsMark);
    library ??= own;
    if (own === '' || own !== library) {
      findings.push(
        report('CHK006', lineOf(text, libraryMark), 'the library is not the common one'),
      );
    }
    if (!text.endsWith(guard)) {
      findings.push(report('CHK007', null, 'the last lines are not the guard'));
    }
    findings.push(...longLines(text, front, report));
    findings.push(...judge(text, steps === '' ? '' : `${steps}\n`, own, report));
  }
  return findings;
}

type Report = (code: keyof typeof advice, line: number | null, what: string) => Diagnostic;

const advice = {
  CHK003: 'Scripts are read on narrow terminals.',
  CHK004: 'What looking shows must be what acting does.',
  CHK005: 'Every user of a machine sees the arguments of every command.',
  CHK006: 'The library is reviewed once for all scripts.',
  CHK007: 'A copy that was cut short must run nothing.',
  CHK008: 'It destroys what nobody meant.',
} as const satisfies Partial<Record<Code, string>>;

function reporter(file: string): Report {
  return (code, line, what) =>
    diagnostic(
      code,
      { file, position: line === null ? null : { line, column: 1 } },
      {
        what,
        why: advice[code],
        remedy: 'Report it with the inventory: it is a mistake of the compiler or its templates.',
      },
    );
}

function split(text: string, mark: string): readonly [string, string] {
  const at = text.indexOf(`\n${mark}`);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at)];
}

function lineOf(text: string, mark: string): number | null {
  const at = text.indexOf(`\n${mark}`);
  return at < 0 ? null : text.slice(0, at).split('\n').length + 1;
}

// A value of the inventory cannot be broken: a line of the front part may be longer if it holds
// nothing else.
function longLines(text: string, front: string, report: Report): readonly Diagnostic[] {
  const frontLines = front.split('\n').length;
  return text.split('\n').flatMap((line, index) => {
    if ([...line].length <= columns) return [];
    if (index < frontLines && isOneValue(line)) return [];
    return [report('CHK003', index + 1, `${[...line].length} columns`)];
  });
}

function isOneValue(line: string): boolean {
  return /^(readonly [A-Z_]+=| +(begin '[0-9a-f.]+' )?)'.*'( \\)?$/u.test(line) || /^#/u.test(line);
}

// ---- The gate ----------------------------------------------------------------------------------

/** Commands that change the world, whatever their arguments. */
const changing = new Set(
  (
    'chattr chcon chgrp chmod chown cp dd install kill launch_etcd ln mkdir mkfifo mount mv ' +
    'pkill put_file restorecon rm rmdir set_file shred sync tee touch truncate umount unlink'
  ).split(' '),
);

/** Commands that change the world by what they are told. */
const told: readonly (readonly [string, RegExp])[] = [
  [
    'docker',
    /^docker (kill|rm|stop|start|run|exec|restart|stack (deploy|rm)|service (create|rm|scale|update)|node (demote|promote|rm|update)|swarm (init|join|leave|update))\b/u,
  ],
  ['systemctl', /^systemctl (start|stop|restart|kill|enable|disable)\b/u],
  ['etcdutl', /^etcdutl .*\b(restore|defrag|migrate|hashkv --write)\b/u],
  [
    'etcdctl',
    /^etcdctl .*\b(put|del|snapshot save|member (add|remove|update|promote)|auth (enable|disable)|user (add|delete|passwd)|alarm disarm|compaction|defrag)\b/u,
  ],
  ['api', /^api (POST|PUT|DELETE|PATCH)\b/u],
  ['api_must', /^api_must \S+ (POST|PUT|DELETE|PATCH)\b/u],
  ['curl', /^curl\b/u],
];

/** Words that pass a command on: the command is what follows. */
const passing = /^(as_host|docker_patiently|command|exec|nice|timeout [0-9]+s?|env)\s+/u;

interface Line {
  readonly number: number;
  readonly text: string;
  /** The function the line is in, or none. */
  readonly within: string | null;
}

function judge(
  whole: string,
  steps: string,
  library: string,
  report: Report,
): readonly Diagnostic[] {
  const lines = logicalLines(steps, lineOf(whole, stepsMark) ?? 1);
  const gated = gatedFunctions(lines);
  const scratch = scratchNames(lines);
  const findings: Diagnostic[] = [];
  for (const { number, text, within } of lines) {
    const free = within !== null && gated.has(within);
    for (const command of commandsOf(text)) {
      if (!free && changes(command)) {
        findings.push(report('CHK004', number, `outside mutate: ${command.slice(0, 60)}`));
      }
      findings.push(...forbidden(command, number, report));
    }
    if (!free && redirects(text, scratch)) {
      findings.push(report('CHK004', number, `writes outside mutate: ${text.trim().slice(0, 60)}`));
    }
  }
  for (const { number, text } of logicalLines(library, lineOf(whole, libraryMark) ?? 1)) {
    for (const command of commandsOf(text)) findings.push(...forbidden(command, number, report));
  }
  return findings;
}

function forbidden(command: string, line: number, report: Report): readonly Diagnostic[] {
  const findings: Diagnostic[] = [];
  const bare = command.replace(/^mutate\s+/u, '');
  if (/^eval\b/u.test(bare)) findings.push(report('CHK008', line, 'eval'));
  if (/^rm\s+(-\S*[rR]|--recursive)/u.test(bare) && !/\$\{[a-zA-Z_0-9]+:\?\}/u.test(bare)) {
    findings.push(report('CHK008', line, 'recursive removal of a path that may be empty'));
  }
  const secret =
    /\s(--(user|password|token|new-user-password)[ =]|-u\s+\S+:|--header ['"]?(Authorization|X-.*Token))/iu;
  if (/^(as_host |timeout \S+ )*(etcdctl|curl|docker|etcd)\b/u.test(bare) && secret.test(bare)) {
    findings.push(report('CHK005', line, `a secret in arguments: ${bare.slice(0, 40)}`));
  }
  return findings;
}

function changes(command: string): boolean {
  let bare = command;
  // mutate is the gate: what stands behind it is printed or run.
  if (/^mutate\b/u.test(bare)) return false;
  while (passing.test(bare)) {
    bare = bare.startsWith('docker_patiently')
      ? bare.replace(passing, 'docker ')
      : bare.replace(passing, '');
  }
  const name = /^\S+/u.exec(bare)?.[0] ?? '';
  if (changing.has(name)) return !onlyScratch(name, bare);
  return told.some(([first, pattern]) => first === name && pattern.test(bare));
}

// The scratch directory is the script's own and gone at its end; signal 0 asks, and changes nothing.
function onlyScratch(name: string, command: string): boolean {
  if (name === 'kill') return /^kill -0\b/u.test(command);
  const operands = command
    .split(/\s+/u)
    .slice(1)
    .filter((word) => !word.startsWith('-'));
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is bash that is looked for
  return operands.length > 0 && operands.every((word) => word.startsWith('"${scratch}'));
}

function redirects(text: string, scratch: ReadonlySet<string>): boolean {
  const targets = [...withoutTests(text).matchAll(/(?<![<>&=-])[0-9]?>{1,2}(?![&>=(])\s*(\S+)/gu)];
  return targets.some(([, target = '']) => {
    if (/^(\/dev\/null|"?\$\{scratch\}|&)/u.test(target)) return false;
    const name = /^"?\$\{([a-z_]+)\}"?$/u.exec(target)?.[1];
    return name === undefined || !scratch.has(name);
  });
}

// Conditions such as [[ a > b ]] and (( a > b )) redirect nothing.
function withoutTests(text: string): string {
  return text.replace(/\(\(.*?\)\)/gu, '').replace(/\[\[.*?\]\]/gu, '');
}

/** Variables that only ever name a file in the scratch directory. */
function scratchNames(lines: readonly Line[]): ReadonlySet<string> {
  const given = lines.flatMap(({ text }) => [
    ...text.matchAll(/(?<=^|[\s;])([a-z_]+)=("?\$\{scratch\})?/gu),
  ]);
  const elsewhere = new Set(given.filter(([, , where]) => where === undefined).map(([, n]) => n));
  return new Set(
    given.flatMap(([, name = '', where]) =>
      where !== undefined && !elsewhere.has(name) ? [name] : [],
    ),
  );
}

/**
 * Functions that may change the world because nothing calls them but mutate, or another of them.
 * The kinds of a script call each other by name only, so a search of the text finds all calls.
 */
function gatedFunctions(lines: readonly Line[]): ReadonlySet<string> {
  const names = new Set(lines.flatMap(({ within }) => (within === null ? [] : [within])));
  const callers = new Map<string, { readonly by: string | null; readonly gated: boolean }[]>();
  for (const { text, within } of lines) {
    for (const command of commandsOf(text)) {
      const gated = /^mutate\s/u.test(command);
      const name = /^\S+/u.exec(command.replace(/^mutate\s+/u, ''))?.[0] ?? '';
      if (names.has(name)) {
        callers.set(name, [...(callers.get(name) ?? []), { by: within, gated }]);
      }
    }
  }
  const free = new Set<string>();
  for (let grown = true; grown; ) {
    grown = false;
    for (const [name, calls] of callers) {
      const all = calls.every(({ by, gated }) => gated || (by !== null && free.has(by)));
      if (!free.has(name) && all) {
        free.add(name);
        grown = true;
      }
    }
  }
  return free;
}

/**
 * The logical lines of bash text: comments and here-documents gone, continued and quoted lines
 * joined, and inside quotes no character left that would part commands or redirect.
 */
function logicalLines(text: string, first: number): readonly Line[] {
  const lines: Line[] = [];
  let within: string | null = null;
  for (const { number, text: line } of joinedLines(text.replace(/^\n/u, ''), first)) {
    const opened = /^([a-z_0-9]+)\(\) [{(]/u.exec(line)?.[1];
    if (opened !== undefined) within = opened;
    if (line.trim() !== '') lines.push({ number, text: line.replace(/\s+/gu, ' '), within });
    if (/^[})]/u.test(line)) within = null;
  }
  return lines;
}

type Context = 'code' | 'double' | 'single' | 'brace';

/** A small reader of bash: just enough to tell code from quoted text and comments. */
function* joinedLines(
  text: string,
  first: number,
): Generator<{ readonly number: number; readonly text: string }> {
  const contexts: Context[] = [];
  const depths: number[] = [];
  let line = '';
  let number = first;
  let start = first;
  let at = 0;
  let document: string | null = null;
  while (at < text.length) {
    const context = contexts.at(-1) ?? 'code';
    const character = text[at] ?? '';
    const two = text.slice(at, at + 2);
    if (document !== null) {
      const end = text.indexOf('\n', at);
      const whole = text.slice(at, end < 0 ? text.length : end);
      if (whole.trim() === document) document = null;
      at += whole.length + 1;
      number += 1;
      start = number;
      continue;
    }
    if (character === '\n') {
      number += 1;
      at += 1;
      if (contexts.length > 0) {
        line += ' ';
        continue;
      }
      yield { number: start, text: line };
      document = /(?<!<)<<-?\s*'?([A-Z]+)'?/u.exec(line)?.[1] ?? null;
      line = '';
      start = number;
      continue;
    }
    if (context === 'single') {
      if (character === "'") contexts.pop();
      line += character === "'" ? character : blank(character);
      at += 1;
      continue;
    }
    if (character === '\\') {
      if (two === '\\\n') {
        number += 1;
        line += ' ';
      } else {
        line += 'x';
      }
      at += 2;
      continue;
    }
    // Inside "${...}" an apostrophe quotes only after a dollar, as in $'\n'.
    if (context === 'brace' && (two === "$'" || character === '"' || character === '}')) {
      if (character === '}') contexts.pop();
      if (character === '"') contexts.push('double');
      if (two === "$'") contexts.push('single');
      line += character === '$' ? ' ' : character;
      at += two === "$'" ? 2 : 1;
      continue;
    }
    if (two === '${') {
      contexts.push('brace');
      line += two;
      at += 2;
      continue;
    }
    if (two === '$(' && text[at + 2] !== '(') {
      contexts.push('code');
      depths.push(0);
      line += two;
      at += 2;
      continue;
    }
    if (context === 'double' || context === 'brace') {
      if (character === '"') contexts.pop();
      line += character === '"' ? character : blank(character);
      at += 1;
      continue;
    }
    if (character === '#' && /(^|[\s;(])$/u.test(line)) {
      while (at < text.length && text[at] !== '\n') at += 1;
      continue;
    }
    if (character === "'") contexts.push('single');
    if (character === '"') contexts.push('double');
    // Parentheses inside a command substitution must not end it.
    const depth = depths.length - 1;
    if (contexts.at(-1) === 'code' && depth >= 0) {
      if (character === '(') depths[depth] = (depths[depth] ?? 0) + 1;
      if (character === ')') {
        if (depths[depth] === 0) {
          contexts.pop();
          depths.pop();
        } else {
          depths[depth] = (depths[depth] ?? 0) - 1;
        }
      }
    }
    line += character;
    at += 1;
  }
  if (line !== '') yield { number: start, text: line };
}

function blank(character: string): string {
  return /[;&|(){}<>#]/u.test(character) ? ' ' : character;
}

/** The commands of a line: split at separators outside single quotes, keywords and assignments off. */
function commandsOf(line: string): readonly string[] {
  return line
    .split(/;;|;|&&|\|\||\||\$\(|&(?![>0-9-])|(?<=^|\s)[({](?=\s)/u)
    .map((part) =>
      part
        .trim()
        .replace(/^((if|then|else|elif|while|until|do|!|\S+\))\s+)+/u, '')
        .replace(/^([A-Za-z_][A-Za-z_0-9]*=(\S*)\s+)+/u, '')
        .trim(),
    )
    .filter((part) => part !== '');
}

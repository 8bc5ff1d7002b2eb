// Template files -> rendered text. The only Handlebars environment, and the strict view it reads.

import { readdirSync, readFileSync } from 'node:fs';
import Handlebars from 'handlebars';

/** The template files as read: frame and runbook with holes, bash without any. */
export interface Templates {
  readonly script: string;
  readonly runbook: string;
  /** The page of bundles made before an incident. */
  readonly choice: string;
  /** Step function files by kind, without the final newline. */
  readonly steps: Readonly<Record<string, string>>;
  /** The library files joined in name order, without the final newline. */
  readonly library: string;
  /** Library files numbered 8 and 9: only the scripts that call their functions carry them. */
  readonly parts: readonly string[];
}

/** Works from `compiler/` and from `dist/` alike: both lie one level below the top. */
const home = new URL('../../templates/', import.meta.url);

/** Reads `templates/`. Throws what the file system throws. */
export function loadTemplates(): Templates {
  const read = (name: string) => readFileSync(new URL(name, home), 'utf8');
  const library = readFolder('library/');
  return {
    script: read('script.sh.hbs'),
    runbook: read('runbook.md.hbs'),
    choice: read('choice.md.hbs'),
    steps: Object.fromEntries(
      readFolder('steps/').map(([name, text]) => [name.replace(/\.sh$/, ''), text]),
    ),
    library: texts(library, (name) => !isPart(name)).join('\n\n'),
    parts: texts(library, isPart),
  };
}

type NamedText = readonly [string, string];

function isPart(name: string): boolean {
  return /^[89]-/u.test(name);
}

function texts(files: readonly NamedText[], wanted: (name: string) => boolean): readonly string[] {
  return files.filter(([name]) => wanted(name)).map(([, text]) => text);
}

function readFolder(folder: string): readonly NamedText[] {
  const url = new URL(folder, home);
  const names = readdirSync(url).filter((name) => name.endsWith('.sh'));
  return names.sort().map((name) => [name, readFileSync(new URL(name, url), 'utf8').trimEnd()]);
}

/**
 * Quotes a value for bash in single quotes: whatever it holds, bash reads it back as it was.
 * Throws a TypeError for anything but a string, and for NUL, which bash cannot hold.
 */
export function sh(value: unknown): string {
  if (typeof value !== 'string') throw new TypeError(`not a string: ${typeof value}`);
  if (value.includes('\0')) throw new TypeError('bash cannot hold NUL');
  return `'${value.replaceAll("'", "'\\''")}'`;
}

const environment = Handlebars.create();
environment.registerHelper('sh', (value: unknown) => sh(value));

const compiled = new Map<string, (view: unknown) => string>();

/** Renders a template over a view; a field the view does not have throws, wherever it is read. */
export function render(template: string, view: object): string {
  let run = compiled.get(template);
  if (run === undefined) {
    run = environment.compile(template, {
      noEscape: true,
      strict: true,
      preventIndent: true,
      knownHelpers: { sh: true },
      knownHelpersOnly: true,
    });
    compiled.set(template, run);
  }
  return run(strictView(view, 'view'));
}

/**
 * Handlebars is strict about plain holes only: a missing field in a helper's argument, in `#if` or
 * in `#each` reads as nothing. Here every read of a field that is not there throws.
 */
function strictView(value: object, path: string): object {
  return new Proxy(value, {
    get(target, key) {
      const inner: unknown = Reflect.get(target, key);
      if (typeof key === 'string' && !(key in target)) {
        throw new Error(`a template reads the unknown field ${path}.${key}`);
      }
      return typeof inner === 'object' && inner !== null
        ? strictView(inner, `${path}.${String(key)}`)
        : inner;
    },
  });
}

// Template files -> rendered text. The only Handlebars environment, with a strict view.

import { readdirSync, readFileSync } from 'node:fs';
import Handlebars from 'handlebars';
import { type Inline, inHtml, inMarkdown } from './inline.ts';
import { type Section, type Sections, sectionsAround } from './markdown.ts';
import { type Piece, piecesOf } from './pieces.ts';
import { remembered } from './remembered.ts';

/** The template files. Frame and runbook have placeholders, bash files have none. */
export interface Templates {
  readonly script: string;
  /** Where a script starts itself again with an environment of its own. */
  readonly environment: string;
  /** recover.sh. */
  readonly recover: string;
  /** triage.sh. */
  readonly triage: string;
  /** The jq program that compares the evidence of triage.sh. */
  readonly compare: string;
  /** The last lines of every script. */
  readonly main: string;
  readonly runbook: string;
  /** RUNBOOK.html: its frame, its style, and the sections that it has in common with RUNBOOK.md. */
  readonly runbookHtml: string;
  readonly runbookStyle: string;
  readonly runbookSections: Sections;
  /** README.md of bundles for before an incident. */
  readonly choice: string;
  /** REVIEW.md. */
  readonly review: string;
  /** review.sh, verbatim. */
  readonly reviewScript: string;
  /** By step kind, the commands it runs. */
  readonly pages: Readonly<Record<string, string>>;
  /** Every function and setting of the bash below `templates/`: guards, steps, library, in this order. */
  readonly pieces: readonly SourcePiece[];
  /** Those that only triage.sh carries. */
  readonly triagePieces: readonly SourcePiece[];
}

/** A piece and its file below `templates/`, such as `steps/stop-services.sh`. */
interface SourcePiece extends Piece {
  readonly file: string;
}

/** Works in `compiler/` and in `dist/`: both are one level below the top. */
const home = new URL('../../templates/', import.meta.url);

/** Reads `templates/`. Throws what the file system throws. */
export function loadTemplates(): Templates {
  const read = (name: string) => readFileSync(new URL(name, home), 'utf8');
  const runbook = read('runbook.md.hbs');
  const piecesIn = (folders: readonly string[]) =>
    folders.flatMap((folder) =>
      readdirSync(new URL(folder, home))
        .filter((name) => name.endsWith('.sh'))
        .sort()
        .map((name) => `${folder}${name}`)
        .flatMap((file) => piecesOf(read(file).trimEnd()).map((piece) => ({ ...piece, file }))),
    );
  return {
    script: read('script.sh.hbs'),
    environment: read('environment.sh').trimEnd(),
    recover: read('recover.sh.hbs'),
    triage: read('triage.sh.hbs'),
    compare: read('triage/compare.jq'),
    main: read('main.sh'),
    runbook,
    runbookHtml: read('runbook.html.hbs'),
    runbookStyle: read('runbook.css'),
    runbookSections: sectionsAround('The scripts', runbook),
    choice: read('choice.md.hbs'),
    review: read('review.md.hbs'),
    reviewScript: read('review.sh'),
    pages: Object.fromEntries(
      readdirSync(new URL('pages/', home))
        .sort()
        .map((name) => [name.replace(/\.hbs$/u, ''), read(`pages/${name}`)]),
    ),
    pieces: piecesIn(['guards/', 'steps/', 'library/']),
    triagePieces: piecesIn(['triage/']),
  };
}

/**
 * Quotes a value for bash in single quotes, so that bash reads exactly this value, and ShellCheck has
 * nothing to say.
 * Throws a TypeError if it is not a string, or contains NUL, which bash cannot hold.
 */
export function sh(value: unknown): string {
  if (typeof value !== 'string') throw new TypeError(`not a string: ${typeof value}`);
  if (value.includes('\0')) throw new TypeError('bash strings cannot contain NUL');
  const inside = value.replace(awkward, (found) =>
    found === "'" ? "'\\''" : `'"${found.replaceAll('\\', '\\\\')}"'`,
  );
  return `'${inside}'`;
}

// ShellCheck takes a typographic quote in single quotes, and a backslash before their end, for a slip.
const awkward = /'|[\\\u2018-\u201b]*[\u2018-\u201b]|\\+(?='|$)/gu;

/** A value as `sh` quotes it. */
export const quotedValue = /'(?:[^']|'\\''|'"[^"]*"')*'/gu;

/** The value that `sh` has quoted. */
export function unquoted(text: string): string {
  return text
    .slice(1, -1)
    .replace(/'\\''|'"([^"]*)"'/gu, (_, odd?: string) => odd?.replaceAll('\\\\', '\\') ?? "'");
}

const text = Handlebars.create();
text.registerHelper('sh', (value: unknown) => sh(value));
text.registerHelper('inline', (words: Inline) => inMarkdown(words));

const html = Handlebars.create();
html.registerHelper('inline', (words: Inline) => new Handlebars.SafeString(inHtml(words)));
html.registerHelper('css', (style: string) => {
  if (style.includes('<')) throw new Error('a style could end its element');
  return new Handlebars.SafeString(style);
});

const renderer = (environment: typeof Handlebars, options: CompileOptions) =>
  remembered((template) =>
    environment.compile(template, {
      ...options,
      strict: true,
      preventIndent: true,
      knownHelpersOnly: true,
    }),
  );
const ofText = renderer(text, { noEscape: true, knownHelpers: { sh: true, inline: true } });
const ofHtml = renderer(html, { knownHelpers: { inline: true, css: true } });

/** Renders a template with a view. Throws if the template reads a field that the view does not have. */
export function render(template: string, view: object): string {
  return ofText(template)(strictView(view, 'view'));
}

/** Renders a template in HTML, as `render` does. Everything that is not of a template is escaped. */
export function renderHtml(template: string, view: object, sections: readonly Section[]): string {
  const partials = Object.fromEntries(sections.map((each) => [each.title, ofHtml(each.html)]));
  return ofHtml(template)(strictView(view, 'view'), { partials });
}

/**
 * Handlebars is strict only about plain placeholders: in a helper argument, `#if` or `#each` it reads a
 * missing field as empty. Here every read of a missing field throws.
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

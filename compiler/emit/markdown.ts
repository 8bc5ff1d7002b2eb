// A template in Markdown -> the same template in HTML, by section: each sentence is written once. Only
// our own templates come through here. Values enter later, and are escaped then.
//
// It reads what our templates use: paragraphs, lists, boxes to tick, tables, quotes, code blocks, and
// Handlebars blocks on lines of their own. Anything else is an error.

import { escaped, idOf, inHtml, section } from './inline.ts';

/** A section of a document. */
export interface Section {
  readonly title: string;
  /** The name of its heading. */
  readonly id: string;
  /** A template in HTML: one `<section>`. */
  readonly html: string;
  readonly tables: readonly TableColumns[];
}

/** A table by its class, with the titles of its columns. */
export interface TableColumns {
  readonly name: string;
  readonly columns: readonly string[];
}

/** The sections of a document, around one that is written in HTML. */
export interface Sections {
  readonly before: readonly Section[];
  readonly after: readonly Section[];
}

/** The sections below `##` of a template in Markdown, before and after the one with the title `own`. */
export function sectionsAround(own: string, markdown: string): Sections {
  const [, ...texts] = markdown.split(/^## /mu);
  const titles = texts.map((text) => text.slice(0, text.indexOf('\n')));
  const at = titles.indexOf(own);
  if (at < 0) throw new Error(`no section: ${own}`);
  const sections = (from: number, to: number) =>
    texts.slice(from, to).map((text) => sectionOf(text, titles));
  return { before: sections(0, at), after: sections(at + 1, texts.length) };
}

function sectionOf(text: string, titles: readonly string[]): Section {
  const title = text.slice(0, text.indexOf('\n'));
  const id = idOf(title);
  const { html, tables } = htmlOf(linesOf(text.slice(title.length + 1)), id, titles);
  const head = `<section aria-labelledby="${id}">\n<h2 id="${id}">${escaped(title)}</h2>\n`;
  return { title, id, html: `${head}${html}</section>\n`, tables };
}

type Line =
  | { readonly kind: 'blank' }
  | { readonly kind: 'block' | 'text' | 'item' | 'box' | 'quote' | 'code'; readonly text: string }
  | { readonly kind: 'head' | 'row'; readonly cells: readonly string[] };

/** Lines of Markdown, each with its continuation lines, and a code block as one. */
function linesOf(markdown: string): readonly Line[] {
  const read: Line[] = [];
  const lines = markdown.split('\n');
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? '';
    if (line === '') {
      read.push({ kind: 'blank' });
    } else if (/^\{\{(?:[#/][^}]*|else)\}\}$/u.test(line)) {
      read.push({ kind: 'block', text: line });
    } else if (line === '```') {
      const end = lines.indexOf('```', at + 1);
      if (end < 0) throw new Error('a code block without an end');
      read.push({ kind: 'code', text: lines.slice(at + 1, end).join('\n') });
      at = end;
    } else if (/^\|-[-|]*\|$/u.test(line)) {
      const head = read.pop();
      if (head?.kind !== 'row') throw new Error('a table without a head');
      read.push({ kind: 'head', cells: head.cells });
    } else if (/^\| .* \|$/u.test(line)) {
      read.push({ kind: 'row', cells: line.slice(2, -2).split(' | ') });
    } else if (line.startsWith('> ')) {
      append(read, 'quote', line.slice(2));
    } else if (line.startsWith('- ')) {
      let text = line.slice(2);
      while (lines[at + 1]?.startsWith('  ')) {
        at += 1;
        text += `\n${lines[at]?.slice(2)}`;
      }
      read.push(
        text.startsWith('[ ] ') ? { kind: 'box', text: text.slice(4) } : { kind: 'item', text },
      );
    } else if (/^[#\s|]/u.test(line)) {
      throw new Error(`not the Markdown of our templates: ${line}`);
    } else {
      append(read, 'text', line);
    }
  }
  return read;
}

/** A paragraph is one text, however many lines it has. */
function append(read: Line[], kind: 'text' | 'quote', text: string): void {
  const before = read.at(-1);
  if (before?.kind !== kind) read.push({ kind, text });
  else read.splice(-1, 1, { kind, text: `${before.text}\n${text}` });
}

/** The element around lines of a kind. */
const around = {
  text: ['<p>', '</p>\n'],
  quote: ['<blockquote><p>', '</p></blockquote>\n'],
  item: ['<ul>\n', '</ul>\n'],
  box: ['<ul class="boxes">\n', '</ul>\n'],
  row: ['', '</tbody>\n</table>\n'],
} as const;
type Around = keyof typeof around | null;

function aroundOf({ kind }: Line): Around {
  if (kind === 'head') return 'row';
  return kind === 'blank' || kind === 'block' || kind === 'code' ? null : kind;
}

function htmlOf(lines: readonly Line[], id: string, titles: readonly string[]) {
  const tables: TableColumns[] = [];
  // What is open, and what was open where each Handlebars block begins.
  let open: Around = null;
  const blocks: Around[] = [];
  let html = '';
  const change = (to: Around) => {
    if (to === open) return;
    html += (open === null ? '' : around[open][1]) + (to === null ? '' : around[to][0]);
    open = to;
  };
  for (const [at, line] of lines.entries()) {
    if (line.kind === 'block') {
      // The element around items is also around the block that makes them.
      const first = lines.slice(at).find(({ kind }) => kind !== 'block');
      const items = first === undefined ? null : aroundOf(first);
      if (!line.text.startsWith('{{#')) change(blocks.at(-1) ?? null);
      else change(items === 'text' || items === 'quote' ? null : items);
      if (line.text.startsWith('{{#')) blocks.push(open);
      if (line.text.startsWith('{{/')) blocks.pop();
      html += `${line.text}\n`;
      continue;
    }
    if (line.kind === 'head') {
      change(null);
      tables.push({ name: `${id}-${tables.length + 1}`, columns: line.cells });
    }
    change(aroundOf(line));
    html += htmlOfLine(line, `class="${tables.at(-1)?.name}" aria-labelledby="${id}"`, (text) =>
      inlineHtml(text, titles),
    );
  }
  change(null);
  return { html, tables };
}

/** A line without the element around it. */
function htmlOfLine(line: Line, table: string, inline: (text: string) => string): string {
  switch (line.kind) {
    case 'blank':
    case 'block':
      return '';
    case 'text':
    case 'quote':
      return inline(line.text);
    case 'item':
      return `<li>${inline(line.text)}</li>\n`;
    case 'box':
      return `<li><label><input type="checkbox"> <span>${inline(line.text)}</span></label></li>\n`;
    case 'code':
      return `<pre><code>${keepingHoles(line.text)}</code></pre>\n`;
    case 'head': {
      const cells = line.cells.map((cell) => `<th scope="col">${inline(cell)}</th>`);
      return `<table ${table}>\n<thead><tr>${cells.join('')}</tr></thead>\n<tbody>\n`;
    }
    case 'row': {
      const [first = '', ...others] = line.cells.map(inline);
      const cells = others.map((cell) => `<td>${cell}</td>`);
      return `<tr><th scope="row">${first}</th>${cells.join('')}</tr>\n`;
    }
  }
}

/** Literals, strong text, and the titles of sections, which become links. */
function inlineHtml(text: string, titles: readonly string[]): string {
  return text.replace(
    /\{\{[^}]*\}\}|`([^`]+)`|\*\*([^*]+)\*\*|"([^"]+)"|[&<>]/gu,
    (found, code?: string, strong?: string, quoted?: string) => {
      // A hyphen is a place to break a line, but not that of an option.
      if (code?.startsWith('--')) return `<code class="keep">${escaped(code)}</code>`;
      if (code !== undefined) return `<code>${keepingHoles(code)}</code>`;
      if (strong !== undefined) return `<strong>${keepingHoles(strong)}</strong>`;
      if (quoted === undefined) return keepingHoles(found);
      return titles.includes(quoted)
        ? inHtml([section(quoted)])
        : `"${inlineHtml(quoted, titles)}"`;
    },
  );
}

/** Text as HTML, and the holes of Handlebars as they are. */
function keepingHoles(text: string): string {
  return text.replace(/(\{\{[^}]*\}\})|([^{]+|\{)/gu, (_, hole?: string, rest?: string) => {
    return hole ?? escaped(rest ?? '');
  });
}

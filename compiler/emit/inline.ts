// A sentence of a view -> its text in Markdown or in HTML. So one view serves both runbooks.

/** Plain text, a literal that a person types or compares, or the title of a section. */
export type Span = string | { readonly code: string } | { readonly section: string };

/** A sentence in spans. Values of the inventory are spans of their own: none is read as markup. */
export type Inline = readonly Span[];

/** A literal, such as a path or a command. */
export function code(text: string): Span {
  return { code: text };
}

/** A section of the runbook, by its title. */
export function section(title: string): Span {
  return { section: title };
}

/** The name of the heading of a section. */
export function idOf(title: string): string {
  return title
    .toLowerCase()
    .replace(/[^a-z0-9]+/gu, '-')
    .replace(/^-|-$/gu, '');
}

/** Words with spans: sentence`Set aside here: ${code(path)}`. */
export function sentence(
  texts: TemplateStringsArray,
  ...values: readonly (Span | Inline)[]
): Inline {
  return texts.flatMap((text, index): Inline => {
    const value = values[index];
    const after = value === undefined ? [] : isInline(value) ? value : [value];
    return [...(text === '' ? [] : [text]), ...after];
  });
}

/** Spans with a text between each two. */
export function joined(spans: readonly Span[], between: string): Inline {
  return spans.flatMap((span, index) => (index === 0 ? [span] : [between, span]));
}

function isInline(value: Span | Inline): value is Inline {
  return Array.isArray(value);
}

/** The sentence in Markdown. */
export function inMarkdown(words: Inline): string {
  return words
    .map((span) => {
      if (typeof span === 'string') return span;
      if ('section' in span) return `"${span.section}"`;
      return span.code.includes('`') ? `\`\` ${span.code} \`\`` : `\`${span.code}\``;
    })
    .join('');
}

/** The sentence in HTML. */
export function inHtml(words: Inline): string {
  return words
    .map((span) => {
      if (typeof span === 'string') return escaped(span);
      if ('section' in span) return `<a href="#${idOf(span.section)}">${escaped(span.section)}</a>`;
      return `<code>${escaped(span.code)}</code>`;
    })
    .join('');
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text as HTML shows it, in elements and in quoted attributes. */
export function escaped(text: string): string {
  return text.replace(/[&<>"']/gu, (found) => entities[found] ?? found);
}

// Characters that surprise: what they are called, and a form of a text that hides none of them.

const names: Readonly<Record<number, string>> = {
  0: 'NUL',
  9: 'tab',
  10: 'line feed',
  13: 'carriage return',
  27: 'escape',
  160: 'non-breaking space',
  171: 'angle quotation mark',
  173: 'soft hyphen',
  180: 'acute accent',
  187: 'angle quotation mark',
  8203: 'zero-width space',
  8204: 'zero-width non-joiner',
  8205: 'zero-width joiner',
  8208: 'hyphen that is not the one on the keyboard',
  8209: 'non-breaking hyphen',
  8210: 'figure dash',
  8211: 'en dash',
  8212: 'em dash',
  8216: 'typographic single quote',
  8217: 'typographic single quote',
  8218: 'typographic single quote',
  8220: 'typographic quote',
  8221: 'typographic quote',
  8222: 'typographic quote',
  8223: 'typographic quote',
  8230: 'ellipsis',
  8232: 'line separator',
  8233: 'paragraph separator',
  8239: 'narrow non-breaking space',
  8288: 'word joiner',
  10240: 'braille blank',
  8722: 'minus sign that is not the one on the keyboard',
  12288: 'ideographic space',
  65279: 'byte order mark',
  65533: 'replacement character, the trace of a wrong encoding',
};

/** What is written instead of a character that looks like an ASCII one. */
const meant: readonly (readonly [RegExp, string])[] = [
  [/[\u00ab\u00bb\u201c-\u201f]/u, '"'],
  [/[\u00b4\u2018-\u201b]/u, "'"],
  [/[\u2010-\u2015\u2212]/u, '-'],
  [/\p{Zs}/u, ' '],
  [/\u2026/u, '...'],
];

/** A character in words, such as `a non-breaking space (U+00A0)`. */
export function characterWords(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  const number = `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
  const name = names[code] ?? kindOf(character);
  const article = /^[aeiou]/u.test(name) ? 'an' : 'a';
  const glyph = hidden.test(character) ? '' : ` ${character}`;
  return `${article} ${name}${glyph} (${number})`;
}

/** The ASCII text that was probably meant, or null. */
export function plainForm(character: string): string | null {
  const [, found] = meant.find(([pattern]) => pattern.test(character)) ?? [];
  if (found !== undefined) return found;
  // Full-width and other compatibility forms.
  const folded = character.normalize('NFKC');
  return folded !== character && /^[!-~]+$/u.test(folded) ? folded : null;
}

/** The first character of a text that is not seen, or else that is not printable ASCII; or null. */
export function surprise(text: string): string | null {
  return hidden.exec(text)?.[0] ?? /[^ -~]/u.exec(text)?.[0] ?? null;
}

// Everything without a glyph, and every space but the ordinary one.
const hiddenSource =
  '(?! )[\\u2800\\p{Cc}\\p{Cf}\\p{Cs}\\p{Zs}\\p{Zl}\\p{Zp}\\p{Default_Ignorable_Code_Point}]';
const hidden = new RegExp(hiddenSource, 'u');
const everyHidden = new RegExp(hiddenSource, 'gu');

/**
 * The text with an escape such as `\u{a0}` for each character that would not be seen. A terminal obeys
 * control sequences, so none of them reaches it.
 */
export function visible(text: string): string {
  return text.replace(everyHidden, (character) => {
    return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
  });
}

function kindOf(character: string): string {
  if (/\p{Zs}/u.test(character)) return 'space that is not the one on the keyboard';
  if (/\p{Cc}/u.test(character)) return 'control character';
  if (/\p{Cs}/u.test(character)) return 'half of a character';
  if (/[\u202a-\u202e\u2066-\u2069\u200e\u200f]/u.test(character)) return 'text direction mark';
  if (hidden.test(character)) return 'invisible character';
  return 'character that is not ASCII';
}

// A file -> its text, or why it cannot be read.

import { readFileSync } from 'node:fs';
import { type Diagnostic, diagnostic } from '../diagnostic.ts';

/** The text of a file of UTF-8, or the diagnostic that says why there is none. */
export function readText(file: string): string | Diagnostic {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(readFileSync(file));
  } catch (error) {
    return diagnostic(
      'BUN001',
      { file, position: null },
      {
        what: `${file} cannot be read: ${messageOf(error)}`,
        why: 'There is nothing to work on.',
        remedy: 'Name a file of UTF-8 text that is there and may be read.',
      },
    );
  }
}

/** What an error says. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

// Files that differ -> one unified diff. Loaded only if it is asked for.

import { createTwoFilesPatch, FILE_HEADERS_ONLY } from 'diff';
import type { OnDifference } from './compare.ts';

/** How long one file is compared, in milliseconds. */
const limit = 5000;

/** Collects differences as a text that `patch` reads: from the files that are there to the compiled ones. */
export function unifiedDiff(): { readonly add: OnDifference; readonly text: () => string } {
  const parts: string[] = [];
  return {
    add: (path, found, expected) => {
      const [before, after] = [textOf(found), textOf(expected)];
      if (before === null || after === null) {
        parts.push(`Binary files a/${path} and b/${path} differ\n`);
        return;
      }
      const names = [
        found === null ? '/dev/null' : `a/${path}`,
        expected === null ? '/dev/null' : `b/${path}`,
      ] as const;
      const patch = createTwoFilesPatch(...names, before, after, undefined, undefined, {
        context: 3,
        timeout: limit,
        headerOptions: FILE_HEADERS_ONLY,
      });
      parts.push(patch ?? `Files a/${path} and b/${path} have too many differences to show\n`);
    },
    text: () => parts.join(''),
  };
}

function textOf(bytes: Buffer | null): string | null {
  if (bytes === null) return '';
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

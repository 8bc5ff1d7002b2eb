// Diagnostics -> workflow commands, which GitHub Actions shows as annotations of the changed lines.

import { visible } from '../characters.ts';
import type { Diagnostic } from '../diagnostic.ts';

/** One line for each diagnostic. */
export function githubLines(diagnostics: readonly Diagnostic[]): string {
  return diagnostics.map(line).join('');
}

function line({ severity, code, file, what, why, remedy, ...at }: Diagnostic): string {
  const properties = {
    file,
    line: at.line,
    col: at.column,
    endLine: at.endLine,
    // GitHub counts to the last character, and takes columns only within one line.
    endColumn:
      at.endLine === at.line && at.endColumn !== null && at.column !== null
        ? Math.max(at.column, at.endColumn - 1)
        : null,
    title: `${code}: ${what}`,
  };
  const list = Object.entries(properties)
    .filter(([, value]) => value !== null)
    .map(([key, value]) => `${key}=${property(visible(String(value)))}`);
  const message = [what, `why: ${why}`, `do: ${remedy}`].map((text) => data(visible(text)));
  const command = severity === 'note' ? 'notice' : severity;
  return `::${command} ${list.join(',')}::${message.join('%0A')}\n`;
}

function data(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function property(text: string): string {
  return data(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}

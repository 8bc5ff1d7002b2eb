// Diagnostics -> a log in SARIF 2.1.0, the format of code scanning services.

import { isAbsolute } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Log, ReportingDescriptor, Result } from 'sarif';
import { type Code, codes } from '../codes.ts';
import type { Diagnostic } from '../diagnostic.ts';
import { version } from '../version.ts';

/** The log of one run. */
export function sarif(diagnostics: readonly Diagnostic[]): Log {
  const used = [...new Set(diagnostics.map(({ code }) => code))].sort();
  const driver = { name: 'plan', semanticVersion: version(), rules: used.map(rule) };
  const results = diagnostics.map((each) => resultOf(each, used.indexOf(each.code)));
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [{ tool: { driver }, columnKind: 'utf16CodeUnits', results }],
  };
}

function rule(code: Code): ReportingDescriptor {
  const { title, explain, severity } = codes[code];
  return {
    id: code,
    shortDescription: { text: title },
    fullDescription: { text: explain[0] },
    help: { text: explain.join('\n\n') },
    defaultConfiguration: { level: severity },
  };
}

function resultOf(given: Diagnostic, ruleIndex: number): Result {
  const { code, severity, what, why, remedy, file, line, column, endLine, endColumn } = given;
  const region =
    line === null || column === null
      ? {}
      : {
          region: {
            startLine: line,
            startColumn: column,
            endLine: endLine ?? line,
            endColumn: endColumn ?? column,
          },
        };
  return {
    ruleId: code,
    ruleIndex,
    level: severity,
    message: { text: `${what}\n${why}\n${remedy}` },
    locations: [{ physicalLocation: { artifactLocation: { uri: uriOf(file) }, ...region } }],
  };
}

/** A relative path stays relative, to be found in the repository of who reads the log. */
function uriOf(file: string): string {
  if (isAbsolute(file)) return pathToFileURL(file).href;
  return file.split('/').map(encodeURIComponent).join('/');
}

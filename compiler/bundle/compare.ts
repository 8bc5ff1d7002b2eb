// A bundle as it is in a directory -> how it differs from the files that are compiled now, to the byte.

import { readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { type Diagnostic, diagnostic } from '../diagnostic.ts';
import { canonical } from '../plan/digest.ts';
import { bytesOf, type Contents, manifestName } from './bundle.ts';
import { entries, isDirectory, isFile, modeOf } from './tree.ts';

/** Gets each file that differs: what is there, and what is compiled; null if there is none. */
export type OnDifference = (path: string, found: Buffer | null, expected: Buffer | null) => void;

/** How a directory is compared. */
export interface Comparing {
  readonly onDifference?: OnDifference;
  /** git keeps only whether a file is executable. */
  readonly executableOnly?: true;
}

/** How a directory differs from the files: missing, changed, extra or with another mode. */
export function compare(
  target: string,
  files: Contents,
  { onDifference = () => {}, executableOnly }: Comparing = {},
): readonly Diagnostic[] {
  const place = resolve(target);
  const report = reporter(target);
  if (!isDirectory(place)) {
    return [report('BUN017', `${target} ${isFile(place) ? 'is a file' : 'is not there'}`)];
  }
  const expected = new Set<string>();
  const differences: Diagnostic[] = [];
  let layout = true;
  for (const file of files) {
    expected.add(file.path);
    const path = join(place, file.path);
    const found = isFile(path) ? readFileSync(path) : null;
    const wanted = bytesOf(file);
    const same = found?.equals(wanted) === true;
    if (!same) {
      onDifference(file.path, found, wanted);
      layout &&= found !== null && isOnlyLayout(file.path, wanted.toString(), found);
      differences.push(
        found === null
          ? report('BUN010', `${file.path} is missing`)
          : report('BUN011', `${file.path} differs`),
      );
      continue;
    }
    const wrong = wrongMode(modeOf(path), file.mode, executableOnly === true);
    if (wrong === null) continue;
    layout = false;
    differences.push(report('BUN013', `${file.path} has mode ${wrong}`));
  }
  const extra = entries(place).filter((path) => !expected.has(path));
  for (const path of extra) {
    onDifference(path, isFile(join(place, path)) ? readFileSync(join(place, path)) : null, null);
  }
  if (layout && extra.length === 0 && differences.length > 0) {
    return [report('BUN018', 'only the layout of the inventory differs')];
  }
  return [
    ...differences,
    ...extra.map((path) => report('BUN012', `${path} is not part of the bundle`)),
  ];
}

/** Whether a file that differs is an inventory with the same values, or states the sum of one. */
function isOnlyLayout(path: string, text: string, found: Buffer): boolean {
  if (basename(path) === manifestName) {
    const others = (sums: string) =>
      sums.split('\n').filter((line) => !/(?:\/|\s)(?:inventory\.json|SHA256SUMS)$/u.test(line));
    return others(text).join('\n') === others(found.toString()).join('\n');
  }
  if (basename(path) !== 'inventory.json') return false;
  try {
    return canonical(JSON.parse(found.toString())) === canonical(JSON.parse(text));
  } catch {
    return false;
  }
}

function wrongMode(found: number, wanted: number, executableOnly: boolean): string | null {
  const isWrong = executableOnly ? (found & 0o111) > 0 !== (wanted & 0o111) > 0 : found !== wanted;
  return isWrong ? `${found.toString(8)}, not ${wanted.toString(8)}` : null;
}

const advice = {
  BUN010: ['The bundle is incomplete.', 'Compile to a new directory and compare.'],
  BUN011: [
    'The reviewed file is not what this inventory and this compiler produce.',
    'Compile to a new directory, compare, and review the difference.',
  ],
  BUN012: [
    'A leftover script could be run by mistake.',
    'Remove it, or compile to a new directory.',
  ],
  BUN013: ['Scripts are executable, other files are not.', 'Copy the bundle with its file modes.'],
  BUN017: ['There is no bundle to compare with.', 'Give the directory that "--out" was given.'],
  BUN018: [
    'The values are the same, and so are all scripts. The copy in the bundle has other spaces or another order of keys.',
    'Compile again if the copy should look the same, too.',
  ],
} as const;

function reporter(file: string): (code: keyof typeof advice, what: string) => Diagnostic {
  return (code, what) => {
    const [why, remedy] = advice[code];
    return diagnostic(code, { file, position: null }, { what, why, remedy });
  };
}

// A name -> the files of a new kind of step, each a stub that fails its tests until it is written.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A word that stands in a stub if something is still to be written. A test finds it. */
export const unwritten = 'TODO';

/** Where the files of a step lie, from the top of the project. */
export function filesOf(
  name: string,
): Readonly<Record<'definition' | 'bash' | 'page' | 'test', string>> {
  return {
    definition: `compiler/steps/${name}.ts`,
    bash: `templates/steps/${name}.sh`,
    page: `templates/pages/${name}.hbs`,
    test: `test/scripts/${name}.bats`,
  };
}

const registry = 'compiler/steps/all.ts';

/** Writes the files below `root` and the two lines of the registry. Throws if one is there already. */
export function writeStep(root: string, name: string): readonly string[] {
  if (!/^[a-z]+(-[a-z]+)+$/u.test(name)) {
    throw new Error(`${name}: a step is named verb-object, such as restore-snapshot`);
  }
  const { definition, bash, page, test } = filesOf(name);
  const taken = [definition, bash, page, test].filter((path) => existsSync(join(root, path)));
  if (taken.length > 0) throw new Error(`already there: ${taken.join(', ')}`);
  const texts = {
    [definition]: definitionText(name),
    [bash]: bashText(name),
    [page]: `# ${unwritten}: the commands that it runs; delete this file if it runs none\n`,
    [test]: testText(name),
    [registry]: registered(readFileSync(join(root, registry), 'utf8'), name),
  };
  for (const [path, text] of Object.entries(texts)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return Object.keys(texts);
}

function definitionText(name: string): string {
  return `// ${unwritten} Guide N.N: what this step achieves.

import { defineStep } from './define.ts';

export const ${constantOf(name)} = defineStep({
  params: {},
  effect: 'changes',
  title: '${unwritten}',
  reason: '${unwritten}',
});
`;
}

function bashText(name: string): string {
  return `# ${unwritten} guide N.N: what it does, and why it can run again after it was interrupted.
${name.replaceAll('-', '_')}() {
  stop "\${MISMATCH}" '${name} is not written yet' 'its commands' 'a stub' \\
    'write templates/steps/${name}.sh and compile again'
}
`;
}

function testText(name: string): string {
  return `#!/usr/bin/env bats
# ${unwritten} The step ${name}.
load world

teardown() {
  end_world
}

@test "${name}: ${unwritten} what it achieves" {
  fail 'play a plan up to the script with this step, act, and compare the world'
}

@test "${name}: a second run changes nothing" {
  fail 'act twice, and compare the journal'
}
`;
}

/** The registry with the lines of a new step, each in its place. */
function registered(text: string, name: string): string {
  const entry = `  '${name}': ${constantOf(name)},`;
  const added = `import { ${constantOf(name)} } from './${name}.ts';`;
  return withLine(
    withLine(text, /^import .* from '(\.\/[a-z-]+)\.ts';$/u, added),
    /^ {2}'([a-z-]+)': [a-zA-Z]+,$/u,
    entry,
  );
}

/** A line added to the block of lines that match, which are sorted by what the pattern holds. */
function withLine(text: string, pattern: RegExp, added: string): string {
  const key = (line: string) => pattern.exec(line)?.[1] ?? '';
  const lines = text.split('\n');
  const block = lines.filter((line) => pattern.test(line));
  const [first = ''] = block;
  const sorted = [...block, added].sort((a, b) => (key(a) < key(b) ? -1 : 1));
  const rest = lines.filter((line) => !pattern.test(line));
  return rest.toSpliced(lines.indexOf(first), 0, ...sorted).join('\n');
}

/** `stop-services` -> `stopServices`. */
function constantOf(name: string): string {
  return name.replace(/-([a-z])/gu, (_, letter: string) => letter.toUpperCase());
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = fileURLToPath(new URL('../../', import.meta.url));
  const [name] = process.argv.slice(2);
  try {
    if (name === undefined) throw new Error('usage: npm run new-step NAME');
    for (const path of writeStep(root, name)) console.log(path);
    console.log(`Write them, and give the step its place in compiler/plan/. Find: ${unwritten}`);
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    process.exitCode = 2;
  }
}

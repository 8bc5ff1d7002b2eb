// `plan explain`: the list of diagnostic codes, the page of one, or the steps of a plan.

import { existsSync } from 'node:fs';
import { Command } from 'commander';
import { codes, explain, isCode, similarCodes } from '../codes.ts';
import type { GuideRow } from '../plan/guide.ts';
import { describe } from './help.ts';
import { type OutputOptions, outputOptions, print, report, usage } from './output.ts';

/** `plan explain` */
export function explainCommand(): Command {
  const command = new Command('explain')
    .description('List the diagnostic codes, explain one, or list the steps of a plan.json.')
    .argument('[what]', 'a code such as INV034, a word of its title, or a plan.json file');
  return describe(outputOptions(command).action(run), {
    examples: [
      ['plan explain', 'list all codes'],
      ['plan explain INV034', 'show the page of this code'],
      ['plan explain recovery/plan.json', 'list the steps of the guide with their scripts'],
    ],
  });
}

async function run(
  what: string | undefined,
  options: OutputOptions,
  command: Command,
): Promise<void> {
  if (what === undefined) return listCodes(options);
  const page = explain(what);
  if (page !== null) {
    const code = what.toUpperCase();
    const result = isCode(code) ? { code, ...codes[code] } : null;
    if (await report({ exit: 0, diagnostics: [], result }, options)) print(page);
    return;
  }
  if (what === '-' || existsSync(what)) return explainPlan(what, options);
  const similar = similarCodes(what).map((code) => `\n  ${code} ${codes[code].title}`);
  const hint =
    similar.length === 0
      ? '"plan explain" lists all codes'
      : `did you mean one of these?${similar.join('')}`;
  usage(command, `"${what}" is neither a diagnostic code nor a file; ${hint}`);
}

async function listCodes(options: OutputOptions): Promise<void> {
  const result = Object.entries(codes).map(([code, { severity, title }]) => {
    return { code, severity, title };
  });
  if (!(await report({ exit: 0, diagnostics: [], result }, options))) return;
  for (const { code, severity, title } of result) {
    print(`${code.padEnd(8)} ${severity.padEnd(8)} ${title}\n`);
  }
}

async function explainPlan(file: string, options: OutputOptions): Promise<void> {
  const { readPlanFile } = await import('../compile.ts');
  const read = await readPlanFile(file);
  if (!read.ok) {
    await report(read.outcome, options);
    return;
  }
  const { guideRows } = await import('../plan/guide.ts');
  const result = guideRows(read.plan);
  if (!(await report({ exit: 0, diagnostics: [], result }, options))) return;
  print(`${read.plan.name}: ${read.plan.quorum.words}\n`);
  for (const row of result) print(rowWords(row));
}

function rowWords({ guide, title, scripts, because }: GuideRow): string {
  const lines = [
    `\n${guide.padEnd(5)} ${title}`,
    ...scripts.map(({ path, when, host }) => {
      return `      ${path} on ${host}${when === 'always' ? '' : ` (${when})`}`;
    }),
    ...because.map((reason) => `      left out: ${reason}`),
  ];
  return `${lines.join('\n')}\n`;
}

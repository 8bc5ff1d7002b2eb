#!/usr/bin/env node
// argv -> what `plan` does: the only file that reads arguments, prints, or sets an exit status.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { explain } from './codes.ts';
import { type Checks, compile, emit, type Outcome, readPlanFile } from './compile.ts';
import { type Diagnostic, formatDiagnostics, hasErrors } from './diagnostic.ts';

interface LintOptions {
  readonly json?: true;
  readonly shellcheck?: string;
  readonly requireShellcheck?: true;
  readonly lint: boolean;
}

interface CompileOptions extends LintOptions {
  readonly out?: string;
  readonly check?: string;
  readonly lost?: readonly string[];
}

interface EmitOptions extends LintOptions {
  readonly out: string;
}

function program(): Command {
  const plan = new Command('plan')
    .description('Compiles the inventory of a pgEdge Control Plane cluster into recovery scripts.')
    .version(version())
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    .addHelpText('after', '\nExit status: 0 yes, 1 the answer is no, 2 it could not be done.');
  lintOptions(
    plan
      .command('compile')
      .description('inventory -> bundle of scripts, runbook and plan')
      .argument('<inventory>', 'inventory file, JSON (see: plan schema)')
      .option('--out <directory>', 'write the bundle here')
      .option('--check <directory>', 'write nothing: say what this bundle has differently')
      .option('--lost <ids>', 'hosts that are lost, separated by commas', commas),
  ).action(runCompile);
  lintOptions(
    plan
      .command('emit')
      .description('plan.json -> the same bundle again')
      .argument('<plan>', 'plan.json of a bundle')
      .requiredOption('--out <directory>', 'write the bundle here'),
  ).action(runEmit);
  plan
    .command('explain')
    .description('more about a diagnostic code; or, of a plan.json, every step of the guide')
    .argument('<what>', 'a code such as INV034, or a plan.json')
    .option('--json', 'as data')
    .action(runExplain);
  plan
    .command('schema')
    .description('the JSON Schema of an inventory')
    .action(async () => {
      const { inventorySchema } = await import('./inventory/schema.ts');
      print(`${JSON.stringify(inventorySchema(), null, 2)}\n`);
    });
  return plan;
}

function lintOptions(command: Command): Command {
  return command
    .option('--json', 'diagnostics and result as data')
    .option('--shellcheck <path>', 'the ShellCheck to use')
    .option('--require-shellcheck', 'fail where no ShellCheck can be had')
    .option('--no-lint', 'read no script with bash -n, ShellCheck or the house rules');
}

function commas(ids: string): readonly string[] {
  return ids.split(',').filter((id) => id !== '');
}

async function runCompile(inventory: string, options: CompileOptions): Promise<void> {
  const directory = options.check ?? options.out;
  if (directory === undefined || (options.check !== undefined && options.out !== undefined)) {
    usage('plan compile needs either --out DIRECTORY or --check DIRECTORY');
    return;
  }
  const destination = { directory, compareOnly: options.check !== undefined };
  const lost = options.lost ?? [];
  tell(await compile(inventory, lost, destination, checksOf(options)), options);
}

async function runEmit(file: string, options: EmitOptions): Promise<void> {
  const destination = { directory: options.out, compareOnly: false };
  tell(await emit(file, destination, checksOf(options)), options);
}

async function runExplain(what: string, options: { readonly json?: true }): Promise<void> {
  const page = explain(what);
  if (page !== null) {
    print(options.json ? `${JSON.stringify({ explain: page }, null, 2)}\n` : page);
    return;
  }
  if (!existsSync(what)) {
    usage(`${what} is neither a diagnostic code nor a file`);
    return;
  }
  const read = await readPlanFile(what);
  if (!read.ok) {
    tell(read.outcome, options);
    return;
  }
  const { plan } = read;
  const { guideRows } = await import('./plan/guide.ts');
  const rows = guideRows(plan);
  if (options.json) {
    print(`${JSON.stringify(rows, null, 2)}\n`);
    return;
  }
  print(`${plan.name}: ${plan.quorum.words}\n`);
  for (const { guide, title, scripts, because } of rows) {
    print(`\n${guide.padEnd(5)} ${title}\n`);
    for (const { path, when, host } of scripts) {
      print(`      ${path} on ${host}${when === 'always' ? '' : ` (${when})`}\n`);
    }
    for (const reason of because) print(`      left out: ${reason}\n`);
  }
}

function checksOf(options: LintOptions): Checks {
  return {
    enabled: options.lint,
    shellcheck: options.shellcheck ?? null,
    required: options.requireShellcheck === true,
  };
}

/** Diagnostics to standard error, the result to standard output; with --json both there, as data. */
function tell(outcome: Outcome, options: { readonly json?: true }): void {
  const { exit, diagnostics, result } = outcome;
  process.exitCode = exit;
  if (options.json) {
    print(`${JSON.stringify({ ok: exit === 0, diagnostics, result }, null, 2)}\n`);
    return;
  }
  complain(diagnostics);
  if (result === null) return;
  for (const plan of result.plans) {
    print(`${plan.quorum}\n`);
    print(`recovery host ${plan.recoveryHost}: ${plan.because}\n`);
  }
  const { directory, files, scripts } = result;
  print(`${directory}: ${scripts} scripts, ${files} files, ${words[result.state]}\n`);
  if (result.state === 'same') return;
  print(
    result.linted && result.lint.found
      ? `linted with ShellCheck ${result.lint.version} (${result.lint.from})\n`
      : `NOT LINTED: ${result.lint.found ? 'not asked for' : result.lint.because}\n`,
  );
  const page = result.plans.length > 1 ? 'README.md' : 'RUNBOOK.md';
  print(`read ${join(directory, page)}\n`);
}

const words = {
  written: 'written',
  unchanged: 'there already, unchanged',
  same: 'the same as this inventory gives',
} as const;

function complain(diagnostics: readonly Diagnostic[]): void {
  if (diagnostics.length === 0) return;
  const colour = process.stderr.isTTY === true && (process.env.NO_COLOR ?? '') === '';
  process.stderr.write(formatDiagnostics(diagnostics, { colour }));
  const errors = diagnostics.filter((each) => hasErrors([each])).length;
  const warnings = diagnostics.length - errors;
  process.stderr.write(`${errors} error(s), ${warnings} warning(s)\n`);
}

function usage(words: string): void {
  process.stderr.write(`${words}\n`);
  process.exitCode = 2;
}

function print(text: string): void {
  process.stdout.write(text);
}

function version(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  const read: unknown = JSON.parse(text);
  const found = typeof read === 'object' && read !== null && 'version' in read ? read.version : '';
  return String(found);
}

// A reader that has seen enough (`| head`) is no mistake of anyone.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

try {
  await program().parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  } else {
    const { stack } = error instanceof Error ? error : { stack: String(error) };
    process.stderr.write(`plan: a mistake of its own, please report it\n${stack}\n`);
    process.exitCode = 2;
  }
}

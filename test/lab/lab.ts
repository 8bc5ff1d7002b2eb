// Turns `npm run lab` into scenarios run on several machines on this one, a table, and a clean end.

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { $ } from 'zx';
import { buildTools } from '../tools/build.ts';
import { controlPlane, realGeneration } from './image.ts';
import { createNetwork } from './machines.ts';
import { measure } from './measure.ts';
import { meetRequirements } from './requirements.ts';
import { type Computer, compareStock, type Residue, takeStock } from './residue.ts';
import { scenarios } from './scenarios/all.ts';
import type { Outcome, Scenario, Stage } from './stage.ts';
import { cleanUp, endProcesses, labDirectory, openState, type State } from './state.ts';

const usage = `usage: npm run lab [-- [--list | --keep | --bench] [SCENARIO...]]
  --list   names the scenarios
  --keep   leaves the machines of the last scenario running and tells how to enter them;
           the next run cleans them up
  --bench  repeats the measured scenarios and the guide's own commands, prints medians and ratios
PLAN_LAB_CONTROL_PLANE names a real Control Plane binary to run instead of the stand-in, and
PLAN_LAB_GENERATION its API generation (0.6 or 0.9, the default).`;

/** One row of the table. */
type Row = {
  readonly scenario: Scenario;
  readonly against: string;
  readonly total: number;
  readonly outcome: Outcome | null;
  readonly failure: string | null;
};

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: {
      list: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
      bench: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
    allowPositionals: true,
  });
  if (values.help) {
    console.log(usage);
    return 0;
  }
  if (values.list) {
    for (const one of scenarios)
      console.log(`${one.name.padEnd(10)} ${one.generation}  ${one.title}`);
    return 0;
  }
  const unknown = positionals.filter((name) => !scenarios.some((one) => one.name === name));
  if (unknown.length > 0) throw new Error(`no scenario ${unknown.join(', ')}\n${usage}`);
  if (values.bench) return benchLab();
  return runLab(chosen(positionals), values.keep);
}

/** A real binary has one generation, so only that one's scenarios can run against it. */
function chosen(names: readonly string[]): readonly Scenario[] {
  const real = process.env.PLAN_LAB_CONTROL_PLANE !== undefined;
  const fitting = scenarios.filter((one) => !real || one.generation === realGeneration());
  return names.length === 0 ? fitting : fitting.filter((one) => names.includes(one.name));
}

/** The measurements for the README, repeated here and now. */
async function benchLab(): Promise<number> {
  const { state, tools } = await openLab();
  try {
    const stageOf = async (name: string): Promise<Stage> => ({
      name,
      network: await createNetwork(state, tools, false),
      controlPlane: await controlPlane(realGeneration()),
      note: (text) => console.log(`${name}  ${text}`),
    });
    const lines = await measure(stageOf, () => clearScenario(state));
    console.log(`\n${lines.join('\n')}`);
    return 0;
  } finally {
    await cleanUp(state);
  }
}

/** Requirements, tools, compiler, and a claimed lab directory that signals clean up. */
async function openLab(): Promise<{ readonly state: State; readonly tools: string }> {
  await meetRequirements();
  const tools = await buildTools();
  await buildCompiler();
  const state = await openState();
  // An interrupted lab is as clean as a finished one.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => void cleanUp(state).finally(() => process.exit(130)));
  }
  return { state, tools };
}

async function runLab(list: readonly Scenario[], keep: boolean): Promise<number> {
  const { state, tools } = await openLab();
  const before = await takeStock(labDirectory);
  const rows: Row[] = [];
  for (const [index, scenario] of list.entries()) {
    const last = index === list.length - 1;
    rows.push(await runScenario(scenario, state, tools, keep && last));
    if (!(keep && last)) await clearScenario(state);
  }
  printTable(rows);
  const failed = rows.some((row) => row.failure !== null);
  if (keep) {
    tellWaysIn(state);
    return failed ? 1 : 0;
  }
  await cleanUp(state);
  const residue = await settledResidue(before, state);
  console.log(`\nThis computer before and after:\n  ${residue.lines.join('\n  ')}`);
  if (residue.ours.length > 0) console.log(`left behind:\n  ${residue.ours.join('\n  ')}`);
  return failed || residue.ours.length > 0 ? 1 : 0;
}

/** The kernel needs a moment to forget the dead; what is still there after 10 s was left behind. */
async function settledResidue(before: Computer, state: State): Promise<Residue> {
  for (let tries = 0; ; tries += 1) {
    const residue = compareStock(before, await takeStock(state.directory), state);
    if (residue.ours.length === 0 || tries === 20) return residue;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

async function runScenario(
  scenario: Scenario,
  state: State,
  tools: string,
  keep: boolean,
): Promise<Row> {
  const began = Date.now();
  const since = (): number => (Date.now() - began) / 1000;
  const note = (text: string): void => {
    console.log(`${scenario.name.padEnd(4)} ${since().toFixed(1).padStart(6)} s  ${text}`);
  };
  console.log(`\n== ${scenario.name}: ${scenario.title} (${scenario.generation})`);
  const plane = await controlPlane(scenario.generation);
  const against = `${plane.name} ${plane.generation}`;
  try {
    const network = await createNetwork(state, tools, keep);
    const outcome = await scenario.run({ name: scenario.name, network, controlPlane: plane, note });
    for (const proof of outcome.proofs) note(`proved  ${proof}`);
    return { scenario, against, total: since(), outcome, failure: null };
  } catch (error) {
    const failure = error instanceof Error ? error.message : String(error);
    console.log(`\nFAILED ${scenario.name}: ${failure}\n`);
    return { scenario, against, total: since(), outcome: null, failure };
  }
}

/** Everything of one scenario goes before the next; what was recorded stays recorded. */
async function clearScenario(state: State): Promise<void> {
  await endProcesses(state);
  for (const folder of ['machines', 'bundles', 'execs.jsonl']) {
    await rm(join(state.directory, folder), { recursive: true, force: true });
  }
}

function printTable(rows: readonly Row[]): void {
  const head = ['scenario', 'against', 'seconds', 'log-ins', 'scripts', 'edited', 'verdict', 'all'];
  const lines = rows.map(({ scenario, against, total, outcome, failure }) => [
    `${scenario.name} ${scenario.title}`,
    against,
    outcome === null ? '-' : outcome.seconds.toFixed(1),
    outcome === null ? '-' : String(outcome.logIns),
    outcome === null ? '-' : String(outcome.scriptRuns),
    // Scripts are run as compiled: there is no place where a value could be edited.
    '0',
    failure === null ? 'recovered' : 'FAILED',
    `${total.toFixed(0)} s`,
  ]);
  const widths = head.map((_, column) =>
    Math.max(...[head, ...lines].map((line) => (line[column] ?? '').length)),
  );
  console.log('');
  for (const line of [head, ...lines]) {
    console.log(
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    );
  }
}

function tellWaysIn(state: State): void {
  console.log('\nThe machines run on. Enter one with');
  for (const recorded of state.machines) {
    console.log(
      `  ${recorded.name}: nsenter --target ${recorded.pid} --all ` +
        'env -i HOME=/root TERM="$TERM" PATH=/usr/local/bin:/usr/sbin:/usr/bin bash --login',
    );
  }
  console.log('The next run of the lab ends them.');
}

/** The scripts are compiled by what a user has: the built command. */
async function buildCompiler(): Promise<void> {
  const project = fileURLToPath(new URL('../../', import.meta.url));
  await $({ cwd: project, quiet: true })`npm run --silent build`;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(`lab: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 2;
}

// Turns `npm run lab` into scenarios run on several machines on this one, a table, and a clean end.

import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { $ } from 'zx';
import { buildTools } from '../tools/build.ts';
import { dockerEngine, type Engine } from './engine/build.ts';
import { type ControlPlane, controlPlane, realGeneration } from './image.ts';
import { createNetwork } from './machines.ts';
import { measure } from './measure.ts';
import { meetRequirements } from './requirements.ts';
import { type Computer, compareStock, type Residue, takeStock } from './residue.ts';
import { scenarios } from './scenarios/all.ts';
import type { Scenario, Stage } from './stage.ts';
import { cleanUp, clearLane, labDirectory, openState, type State, sweep } from './state.ts';
import { printTable, type Row } from './table.ts';

const usage = `usage: npm run lab [-- [OPTION...] [SCENARIO...]]
  --list    list the scenarios; those with a * run only with --all or by name
  --all     run every scenario. Without it, the default set runs, which is what CI has time for:
            ${defaultNames()}
            only with --all or by name:
            ${extraNames()}
  --engine  Docker engine of the machines: debian (default), as installed, or current, built
            from its pinned Go modules (about 4 minutes the first time)
  --keep    leave the machines of the last scenario running and show how to enter them;
            the next run removes them
  --lanes   number of scenarios that run side by side (default 2; most of their time is waiting)
  --bench   repeat the measured scenarios and the guide's own commands, print medians and ratios
PLAN_LAB_CONTROL_PLANE: path of a real Control Plane binary to run instead of the stand-in. Every
scenario of its generation then runs.
PLAN_LAB_GENERATION: API generation of that binary (0.6, or 0.9, the default).`;

function defaultNames(): string {
  return scenarios
    .filter((one) => one.extra !== true)
    .map((one) => one.name)
    .join(', ');
}

function extraNames(): string {
  return scenarios
    .filter((one) => one.extra === true)
    .map((one) => one.name)
    .join(', ');
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: {
      list: { type: 'boolean', default: false },
      all: { type: 'boolean', default: false },
      engine: { type: 'string', default: 'debian' },
      keep: { type: 'boolean', default: false },
      lanes: { type: 'string', default: '2' },
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
    for (const one of scenarios) {
      const mark = one.extra === true ? '*' : ' ';
      console.log(`${one.name.padEnd(12)}${mark} ${one.generation}  ${one.title}`);
    }
    return 0;
  }
  const unknown = positionals.filter((name) => !scenarios.some((one) => one.name === name));
  if (unknown.length > 0) throw new Error(`no scenario ${unknown.join(', ')}\n${usage}`);
  const { engine } = values;
  if (engine !== 'debian' && engine !== 'current') {
    throw new Error(`unknown engine ${engine}\n${usage}`);
  }
  if (values.bench) return benchLab(engine);
  // --keep is for looking around on the machines of one scenario.
  const lanes = values.keep ? 1 : Math.max(1, Number(values.lanes));
  return runLab(chosen(positionals, values.all), engine, lanes, values.keep);
}

/** A real binary has one generation, so only that one's scenarios can run against it. */
function chosen(names: readonly string[], all: boolean): readonly Scenario[] {
  const real = process.env.PLAN_LAB_CONTROL_PLANE !== undefined;
  const fitting = scenarios.filter((one) => !real || one.generation === realGeneration());
  return names.length === 0
    ? fitting.filter((one) => real || all || one.extra !== true)
    : fitting.filter((one) => names.includes(one.name));
}

/** Repeats the measurements for test/lab/README.md. */
async function benchLab(engineName: Engine['name']): Promise<number> {
  const { tools, engine } = await openLab(engineName);
  const state = await openLane('bench');
  const plane = await controlPlane(realGeneration());
  try {
    const stageOf = async (name: string): Promise<Stage> => ({
      name,
      network: await createNetwork(state, tools, engine, false),
      controlPlane: plane,
      note: (text) => console.log(`${name}  ${text}`),
    });
    const lines = await measure(stageOf, () => clearLane(state));
    console.log(`\n${lines.join('\n')}`);
    return 0;
  } finally {
    await cleanUp(state);
  }
}

/** Lanes of this run; a signal cleans all of them up. */
const open: State[] = [];

/** That cleaning up, which ends this process, once there was a signal. */
let interrupted: Promise<never> | undefined;

/** What every machine of a run gets. */
type Equipment = { readonly tools: string; readonly engine: Engine };

/** Requirements, tools, engine and compiler; what a killed run left is gone. */
async function openLab(engineName: Engine['name']): Promise<Equipment> {
  await meetRequirements(engineName);
  const tools = await buildTools();
  const engine = await dockerEngine(engineName);
  await buildCompiler();
  await sweep();
  // An interrupted lab is as clean as a finished one.
  // npm passes a signal on that has reached this process already: once is enough.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      interrupted ??= Promise.allSettled(open.map(cleanUp)).then(() => process.exit(130));
    });
  }
  return { tools, engine };
}

async function openLane(name: string): Promise<State> {
  const state = await openState(name);
  open.push(state);
  return state;
}

async function runLab(
  list: readonly Scenario[],
  engineName: Engine['name'],
  lanes: number,
  keep: boolean,
): Promise<number> {
  const equipment = await openLab(engineName);
  const before = await takeStock(labDirectory);
  const planes = new Map<string, ControlPlane>();
  for (const { generation } of list) {
    if (!planes.has(generation)) planes.set(generation, await controlPlane(generation));
  }
  const rows: Row[] = [];
  const isLong = (one: Scenario): number => Number(one.long === true);
  const waiting = [...list].sort((a, b) => isLong(b) - isLong(a));
  const lane = async (number: number): Promise<void> => {
    const state = await openLane(`lane-${number}`);
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const kept = keep && waiting.length === 0;
      const plane = planes.get(next.generation);
      if (plane === undefined) throw new Error(`no Control Plane of generation ${next.generation}`);
      rows.push(await runScenario(next, plane, state, equipment, kept));
      if (!kept) await clearLane(state);
    }
  };
  await Promise.all(Array.from({ length: lanes }, (_, index) => lane(index + 1)));
  rows.sort((a, b) => list.indexOf(a.scenario) - list.indexOf(b.scenario));
  printTable(rows);
  const failed = rows.some((row) => row.failure !== null);
  if (keep) {
    for (const state of open) tellWaysIn(state);
    return failed ? 1 : 0;
  }
  for (const state of open) await cleanUp(state);
  const residue = await settledResidue(before);
  console.log(`\nThis computer before and after:\n  ${residue.lines.join('\n  ')}`);
  if (residue.ours.length > 0) console.log(`left behind:\n  ${residue.ours.join('\n  ')}`);
  // Every scenario, and that nothing is left of them.
  const failures =
    rows.filter((row) => row.failure !== null).length + Number(residue.ours.length > 0);
  console.log(`\nlab: ${rows.length + 1 - failures} passed, ${failures} failed`);
  return failures > 0 ? 1 : 0;
}

/** The kernel needs a moment to forget the dead; what is still there after 10 s was left behind. */
async function settledResidue(before: Computer): Promise<Residue> {
  for (let tries = 0; ; tries += 1) {
    const residue = compareStock(before, await takeStock(labDirectory), open);
    if (residue.ours.length === 0 || tries === 20) return residue;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

async function runScenario(
  scenario: Scenario,
  plane: ControlPlane,
  state: State,
  { tools, engine }: Equipment,
  keep: boolean,
): Promise<Row> {
  const began = Date.now();
  const since = (): number => (Date.now() - began) / 1000;
  const note = (text: string): void => {
    console.log(`${scenario.name.padEnd(7)} ${since().toFixed(1).padStart(6)} s  ${text}`);
  };
  const against = `${plane.name} ${plane.generation}, docker ${engine.name}`;
  note(`== ${scenario.title}; against ${against}`);
  try {
    const network = await createNetwork(state, tools, engine, keep);
    const outcome = await scenario.run({ name: scenario.name, network, controlPlane: plane, note });
    for (const proof of outcome.proofs) note(`proved  ${proof}`);
    return { scenario, against, total: since(), outcome, failure: null };
  } catch (error) {
    const failure = error instanceof Error ? error.message : String(error);
    console.log(`\nFAILED ${scenario.name}: ${failure}\n`);
    return { scenario, against, total: since(), outcome: null, failure };
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

const status = await main().catch((error: unknown) => {
  console.error(`lab: ${error instanceof Error ? error.message : String(error)}`);
  return 2;
});
await interrupted;
// Machines that were kept, and what still runs in them, do not hold this process.
process.exit(status);

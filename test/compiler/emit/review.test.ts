import { expect, test } from 'vitest';
import { bundle, planBundle } from '../../../compiler/bundle/bundle.ts';
import { guardsOf } from '../../../compiler/emit/guards.ts';
import {
  isRecoveryScript,
  partNames,
  partsOf,
  readPage,
  type ScriptParts,
} from '../../../compiler/emit/parts.ts';
import { reader } from '../../../compiler/emit/reading.ts';
import { scriptParts } from '../../../compiler/emit/script.ts';
import { loadTemplates } from '../../../compiler/emit/templates.ts';
import { executionOrder } from '../../../compiler/plan/order.ts';
import { sha256 } from '../../../compiler/sha256.ts';
import { titleOf } from '../../../compiler/steps/all.ts';
import { inventoryText, planOf, type World } from '../world.ts';

const templates = loadTemplates();
const lost: World = { servers: ['alive', 'returning', 'returning'] };
const plan = planOf(lost);
const turns = [...executionOrder(plan), ...plan.asides];
const files = [...planBundle(plan, inventoryText(lost), templates)];

function textAt(path: string): string {
  return files.find((file) => file.path === path)?.text ?? '';
}

function partsAt(path: string): ScriptParts {
  const parts = partsOf(textAt(path));
  if (typeof parts === 'string') throw new Error(parts);
  return parts;
}

function sheetOf(world: World): string {
  const all = planBundle(planOf(world), inventoryText(world), templates);
  return [...all].find(({ path }) => path === 'REVIEW.md')?.text ?? '';
}

test.each(turns.map((turn) => [turn.path, turn] as const))(
  '%s is read as written',
  (path, turn) => {
    const parts = partsAt(path);
    expect(parts).toEqual(scriptParts(plan, turn, templates));
    for (const name of partNames) expect(sha256(parts[name])).toBe(parts.stated[name]);
    const page = readPage(parts.page);
    expect(
      page.guards.map((guard) => guard.split(' ')[0]).filter((name) => !/^need/u.test(name ?? '')),
    ).toEqual(guardsOf(turn).map((guard) => guard.replaceAll('-', '_')));
    expect(page.steps.map(({ guide, title, name }) => [guide, title, name])).toEqual(
      turn.steps.map((step) => [step.guide, titleOf(step), step.kind.replaceAll('-', '_')]),
    );
    expect(page.values.get('HOST')).toBe(`'${turn.host}'`);
    expect(page.last).toContain('finish');
    // Every command line of the page is a command of a step.
    const commands = parts.page.match(/^ {2}# [$?] .*$/gmu) ?? [];
    const read = page.steps.flatMap(({ lines }) => lines.filter((line) => /^[$?] /u.test(line)));
    expect(read.map((line) => `  # ${line}`)).toEqual(commands);
  },
);

const [path = ''] = turns.map((turn) => turn.path);
test.each<readonly [string, (text: string) => string, RegExp]>([
  [
    'no engine',
    (text) => text.replace('# --- engine', '# engine'),
    /does not have the line "# --- engine/u,
  ],
  ['two pages', (text) => `${text}\n# --- page\n`, /does not have the line "# --- page" once/u],
  [
    'a command in the header',
    (text) => text.replace('\n#\n', '\n#\nrm x\n'),
    /not a comment: rm x/u,
  ],
  ['another interpreter', (text) => text.replace('env bash', 'env sh'), /not a comment/u],
  ['no digest', (text) => text.replace(/ {3}engine +sha/u, ' engine sha'), /no digest of engine/u],
  ['two digests', (text) => text.replace(/(\n# {3}page .*)/u, '$1$1'), /two digests of page/u],
])('not a script: %s', (_, change, want) => {
  const text = change(textAt(path));
  expect(text).not.toBe(textAt(path));
  expect(partsOf(text)).toMatch(want);
});

test('review.sh is no recovery script', () => {
  expect(isRecoveryScript(textAt('review.sh'))).toBe(false);
  expect(isRecoveryScript(textAt(path))).toBe(true);
});

test('scripts are of one kind if only quoted values differ', () => {
  const scripts = reader();
  for (const turn of turns) scripts.add(turn.path, partsAt(turn.path));
  const { kinds, engine, functions, scripts: count } = scripts.review();
  expect(count).toBe(turns.length);
  expect(kinds.flatMap(({ paths }) => [...paths]).sort()).toEqual(
    turns.map((turn) => turn.path).sort(),
  );
  for (const { paths } of kinds) {
    const roles = paths.map((each) => turns.find((turn) => turn.path === each)?.role);
    expect(new Set(roles).size).toBe(1);
  }
  const saving = kinds.find(({ paths }) =>
    paths.some((each) => turns.some((turn) => turn.path === each && turn.role === 'snapshot')),
  );
  expect(saving?.paths).toHaveLength(3);
  expect(engine.every((piece) => piece.scripts === turns.length)).toBe(true);
  const names = [...functions, ...engine].map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
});

test('the sheet has a place for the sum, every page, every command and every function, with boxes', () => {
  const sheet = sheetOf(lost);
  expect(sheet.indexOf('SHA-256 of SHA256SUMS:\n\n`____')).toBeLessThan(1000);
  expect(textAt('RUNBOOK.md').indexOf('SHA-256 of SHA256SUMS')).toBeLessThan(1000);
  const piecesBoxes =
    sheet.match(/^\| \[ \] \| `.+` \| [0-9]+ \| `[0-9a-f]{12}` \| [0-9]+ \|$/gmu) ?? [];
  expect(piecesBoxes.length).toBeGreaterThan(300);
  for (const turn of turns) expect(sheet).toContain(`\`${turn.path}\``);
  for (const line of readPage(partsAt(path).page).steps.flatMap(({ lines }) => [...lines])) {
    expect(sheet).toContain(`\n  ${line}\n`);
  }
  expect(sheet).toMatch(/^\| `stop_container` \| 60 s \| `the container of .* is gone` \|$/mu);
});

test('the same plan gives the same sheet, and another order of hosts changes nothing', () => {
  const text = inventoryText(lost, (hosts) => hosts.toReversed());
  const again = [...bundle([plan], text, templates)].find((file) => file.path === 'REVIEW.md');
  expect(again?.text).toBe(sheetOf(lost));
});

test('200 client hosts: as many kinds as 20 have', () => {
  const clients = (count: number): World => ({
    ...lost,
    clients: Array.from({ length: count }, (_, index) => (index % 2 ? 'lost' : 'alive')),
  });
  const [few, many] = [sheetOf(clients(20)), sheetOf(clients(200))];
  const kinds = (sheet: string) => sheet.match(/^### [0-9]+\. `/gmu)?.length;
  expect(kinds(many)).toBe(kinds(few));
  expect(many).toContain('  - 194 more\n');
  // One restart for each client host stays on the last page.
  expect(many.length).toBeLessThan(few.length * 2);
});

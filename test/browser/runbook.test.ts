// RUNBOOK.html in a real Chromium: it is complete, readable by everybody, and fits the screen and the paper.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { AxeResults, RunOptions } from 'axe-core';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { planAll } from '../../compiler/compile.ts';
import { emitRunbook, runbookView } from '../../compiler/emit/runbook.ts';
import { emitRunbookHtml } from '../../compiler/emit/runbook-html.ts';
import { loadTemplates } from '../../compiler/emit/templates.ts';
import { parse } from '../../compiler/inventory/parse.ts';
import { examples, generated } from '../goldens.ts';
import { startChromium } from './chromium.ts';
import { focused, overflowing, reachable, sentences, shown, textOfPage } from './in-page.ts';
import { evil, hostile, many } from './inventories.ts';

const folder = mkdtempSync(join(tmpdir(), 'runbook pages '));
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const templates = loadTemplates();
let browser: Browser;

/** Runbooks by name, in both forms. */
const runbooks = new Map<string, { readonly html: string; readonly markdown: string }>();

function keep(name: string, inventory: string): void {
  const parsed = parse(inventory, `${name}.json`);
  if (!parsed.ok) throw new Error(parsed.diagnostics.map(({ what }) => what).join('; '));
  const plans = planAll(parsed.inventory);
  for (const plan of plans) {
    const view = runbookView(plan, templates);
    runbooks.set(plans.length === 1 ? name : `${name}/${plan.recovery.host}`, {
      html: emitRunbookHtml(view, templates),
      markdown: emitRunbook(view, templates),
    });
  }
}

for (const example of examples()) {
  keep(example, readFileSync(join(generated, example, 'inventory.json'), 'utf8'));
}
keep('hostile', JSON.stringify(hostile));
keep('many hosts', JSON.stringify(many));
const names = [...runbooks.keys()];
const three = 'three-servers-two-lost';

const wide = { width: 1280, height: 900 };

function fileOf(name: string): string {
  return join(folder, `${name.replaceAll('/', ' ')}.html`);
}

beforeAll(async () => {
  for (const [name, { html }] of runbooks) writeFileSync(fileOf(name), html);
  browser = await startChromium();
});
afterAll(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true });
});

interface Opened {
  readonly page: Page;
  /** What the page loads, runs or reports: nothing. */
  readonly strange: readonly string[];
}

async function open(name: string, options: BrowserContextOptions = {}): Promise<Opened> {
  const context = await browser.newContext({ viewport: wide, ...options });
  const page = await context.newPage();
  const url = pathToFileURL(fileOf(name)).href;
  const strange: string[] = [];
  page.on('request', (request) => {
    if (request.url() !== url) strange.push(`request: ${request.url()}`);
  });
  page.on('console', (message) => strange.push(`console: ${message.text()}`));
  page.on('pageerror', (error) => strange.push(`error: ${error.message}`));
  await page.goto(url);
  return { page, strange };
}

/** Opens a runbook and asks. */
async function inPage(
  name: string,
  options: BrowserContextOptions,
  ask: (page: Page) => Promise<void>,
): Promise<void> {
  const { page, strange } = await open(name, options);
  try {
    await ask(page);
    expect(strange).toEqual([]);
  } finally {
    await page.context().close();
  }
}

/** What axe finds, in short. Of long lists of the same, the first are enough. */
async function violations(page: Page, options: RunOptions): Promise<readonly string[]> {
  const { violations: found } = await page.evaluate<AxeResults, RunOptions>(
    (run) =>
      (globalThis as unknown as { axe: typeof import('axe-core') }).axe.run(
        { exclude: ['.commands pre ~ h3 ~ pre', 'tbody tr:nth-child(n + 12)'] },
        run,
      ),
    { resultTypes: ['violations'], ...options },
  );
  return found.map(({ id, nodes }) => `${id} (${nodes.length}): ${nodes[0]?.html.slice(0, 200)}`);
}

/** The stricter of two rules: contrast of 7 to 1. */
const contrast = {
  'color-contrast': { enabled: false },
  'color-contrast-enhanced': { enabled: true },
};

/** Paper in millimetres and in points, as a PDF states it. */
const papers = [
  { format: 'A4', millimetres: 210, points: '0 0 596 843' },
  { format: 'Letter', millimetres: 215.9, points: '0 0 612 792' },
];

describe.each(names)('%s', (name) => {
  let opened: Opened;
  beforeAll(async () => {
    opened = await open(name);
    await opened.page.evaluate(axe);
  });
  afterAll(() => opened.page.context().close());

  test('accessible in light, and fits a wide screen', async () => {
    const { page } = opened;
    await page.emulateMedia({ colorScheme: 'light' });
    expect(await page.evaluate(overflowing)).toEqual([]);
    expect(await violations(page, { rules: contrast })).toEqual([]);
  });

  test('accessible in dark', async () => {
    const { page } = opened;
    await page.emulateMedia({ colorScheme: 'dark' });
    const back = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    expect(back).toBe('rgb(15, 22, 29)');
    // Only colours differ.
    expect(await violations(page, { runOnly: ['color-contrast-enhanced'] })).toEqual([]);
  });

  test('accessible on a narrow screen, and fits it', async () => {
    const { page } = opened;
    await page.setViewportSize({ width: 360, height: 800 });
    expect(await page.evaluate(overflowing)).toEqual([]);
    const rules = ['cat.tables', 'cat.structure', 'cat.keyboard', 'cat.sensory-and-visual-cues'];
    expect(await violations(page, { runOnly: rules })).toEqual([]);
  });

  test('fits A4 and Letter', async () => {
    const { page } = opened;
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
    for (const { format, millimetres, points } of papers) {
      // Without its margins.
      const width = Math.floor(((millimetres - 26) / 25.4) * 96);
      await page.setViewportSize({ width, height: 1000 });
      expect(await page.evaluate(overflowing)).toEqual([]);
      const pdf = (await page.pdf({ format })).toString('latin1');
      const sheets = [...pdf.matchAll(/\/MediaBox \[([0-9. ]+)\]/gu)].map(([, box = '']) =>
        box.split(' ').map(Number).map(Math.round).join(' '),
      );
      expect([...new Set(sheets)]).toEqual([points]);
      expect(sheets.length).toBeLessThan(40);
    }
  });

  // Of many hosts it says once what is alike.
  const complete = name === 'many hosts' ? [] : ['RUNBOOK.md'];
  test.each(complete)('says what %s says, and nothing else', async () => {
    const { page } = opened;
    const facts = factsOf(runbooks.get(name)?.markdown ?? '');
    const text = await page.evaluate(textOfPage);
    expect(facts.filter((fact) => !text.includes(fact))).toEqual([]);
    const known = facts.join(' ');
    const said = (await page.evaluate(sentences)).map((each) => each.replace(/[.:;]$/u, ''));
    expect(said.length).toBeGreaterThan(100);
    expect(said.filter((each) => !known.includes(each) && !ofPageAlone.test(each))).toEqual([]);
  });

  test('loads, runs and reports nothing', () => {
    expect(opened.strange).toEqual([]);
  });
});

/** What only RUNBOOK.md has to say, because a terminal has no boxes and no appendix. */
const ofMarkdownAlone =
  /^(?:Tick the boxes on a copy, or on paper|_+|The commands that it runs, in this order)$/u;

/** What only RUNBOOK.html has to say, because it has boxes and an appendix. */
const ofPageAlone =
  /^(?:Tick the boxes on paper, or here|a browser forgets them when you close the page|RUNBOOK\.md has the same content for a terminal|The commands that (?:it|each script) runs(?:, in this order)?)$/u;

/** The facts of a runbook in Markdown: its cells, lines and sentences, without their marks. */
function factsOf(markdown: string): readonly string[] {
  const titles = [...markdown.matchAll(/^## (.*)$/gmu)].map(([, title = '']) => title);
  const plain = (text: string) =>
    titles
      .reduce((rest, title) => rest.replaceAll(`"${title}"`, title), text)
      .replace(/\*\*|`` ?| ?``|`/gu, '')
      .replace(/\s+/gu, ' ')
      .trim()
      .replace(/[.:;]$/u, '');
  let commands = false;
  return markdown.split('\n').flatMap((line) => {
    if (line === '```') commands = !commands;
    if (line === '```' || /^\|[-| ]+\|$/u.test(line)) return [];
    if (commands) return [line.replace(/\s+/gu, ' ').trim()];
    const parts = line.startsWith('| ')
      ? line.slice(2, -2).split(' | ')
      : line.replace(/^(?:#+ |- \[ \] |- |> )/u, '').split(/(?<=[.:]) /u);
    return parts.map(plain).filter((part) => part !== '' && !ofMarkdownAlone.test(part));
  });
}

test('facts are found in RUNBOOK.md, and a missing one is noticed', () => {
  const facts = factsOf(runbooks.get(three)?.markdown ?? '');
  expect(facts.length).toBeGreaterThan(250);
  for (const fact of [
    'Typical duration',
    '15 to 25 s',
    'bash 05-reattach-on-host-2.sh --apply',
    "docker service scale --detach 'control-plane_host-1=1'",
    'reattached if disk, record and credentials are there, otherwise removed and joined',
  ]) {
    expect(facts).toContain(fact);
  }
});

test('the keyboard reaches everything, in order, and shows where it is', async () => {
  await inPage(three, {}, async (page) => {
    const stops = await page.evaluate(reachable);
    const visited: string[] = [];
    for (const stop of stops) {
      await page.keyboard.press('Tab');
      const { stop: now, seen } = await page.evaluate(focused);
      visited.push(seen ? now : `${stop} is not seen`);
    }
    expect(visited).toEqual(stops);
  });
});

test('the first key leads to the scripts, and the space bar ticks', async () => {
  await inPage(three, {}, async (page) => {
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    expect(new URL(page.url()).hash).toBe('#the-scripts');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Space');
    const box = page.getByRole('checkbox', { name: 'Log in to host-1 (192.168.104.1).' }).first();
    expect(await box.isChecked()).toBe(true);
  });
});

test('a screen reader hears every heading, box, field, drawing and table by its name', async () => {
  let tree = '';
  await inPage(three, {}, async (page) => {
    tree = await page.locator('body').ariaSnapshot();
  });
  const wanted = [
    'heading "Runbook: recovery of cluster acme on host-1" [level=1]',
    'navigation "Contents"',
    'heading "Log-in 2: host-2" [level=3]',
    'region "Log-in 2: host-2"',
    'article "05-reattach-on-host-2.sh"',
    'checkbox "look: bash 05-reattach-on-host-2.sh"',
    'checkbox "act: bash 05-reattach-on-host-2.sh --apply"',
    'textbox "Initials"',
    'textbox "Time"',
    'strong: Cannot be undone.',
    'img "During Votes: 1 of 3. Needed: 2. No leader."',
    'table "Is this the right runbook?"',
    'rowheader "2 or more of the 3 server hosts are alive"',
  ];
  expect(wanted.filter((line) => !tree.includes(line))).toEqual([]);
});

test('colour is not needed: what cannot be undone has a sign, a border and words', async () => {
  const options = { forcedColors: 'active', colorScheme: 'dark' } as const;
  await inPage(three, options, async (page) => {
    const marks = await page.locator('.stop').evaluateAll((found) =>
      found.map((mark) => ({
        words: mark.textContent?.startsWith('Cannot be undone. '),
        border: getComputedStyle(mark).borderStyle,
        sign: (mark.querySelector('svg')?.getBoundingClientRect().width ?? 0) > 15,
      })),
    );
    expect(marks.length).toBe(4);
    for (const mark of marks) expect(mark).toEqual({ words: true, border: 'double', sign: true });
    const drawn = await page
      .locator('.on')
      .first()
      .evaluate((part) => getComputedStyle(part).fill);
    expect(drawn).toBe('rgb(255, 255, 255)');
  });
});

test('paper has boxes, lines to write on and all commands, and no contents', async () => {
  await inPage(three, { colorScheme: 'dark' }, async (page) => {
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
    const count = (selector: string) => page.evaluate(shown, selector);
    expect(await count('nav')).toBe(0);
    expect(await count('input[type="checkbox"]')).toBe(7 * 2 + 4 + 2);
    expect(await count('input[type="text"]')).toBe(4 * 2 + 1);
    expect(await count('.commands pre code')).toBeGreaterThan(100);
    const colours = await page.evaluate(() => {
      const { color, backgroundColor } = getComputedStyle(document.body);
      return [color, backgroundColor];
    });
    expect(colours).toEqual(['rgb(0, 0, 0)', 'rgb(255, 255, 255)']);
  });
});

test('without scripts it is the same', async () => {
  const pictures: string[] = [];
  for (const javaScriptEnabled of [true, false]) {
    await inPage(three, { javaScriptEnabled }, async (page) => {
      pictures.push((await page.screenshot()).toString('base64'));
    });
  }
  expect(pictures[0] === pictures[1]).toBe(true);
});

test('markup in values stays text', async () => {
  await inPage('hostile', {}, async (page) => {
    expect(await page.title()).toMatch(/^Runbook: /u);
    expect(await page.locator('script, img').count()).toBe(0);
    expect(await page.locator('.notes').first().textContent()).toContain(evil);
    expect(await page.getByText(evil).count()).toBeGreaterThan(3);
  });
});

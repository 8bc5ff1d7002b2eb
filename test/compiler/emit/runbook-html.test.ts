import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { planAll } from '../../../compiler/compile.ts';
import { emitRunbook, runbookView } from '../../../compiler/emit/runbook.ts';
import { emitRunbookHtml } from '../../../compiler/emit/runbook-html.ts';
import { loadTemplates, renderHtml } from '../../../compiler/emit/templates.ts';
import { parse } from '../../../compiler/inventory/parse.ts';
import type { Plan } from '../../../compiler/plan/ir.ts';
import { executionOrder } from '../../../compiler/plan/order.ts';
import { inventoryText, planOf, type World } from '../world.ts';

const templates = loadTemplates();
const mixed: World = {
  servers: ['alive', 'returning', 'replaced', 'gone', 'lost'],
  clients: ['alive', 'lost'],
};

function pageOf(plan: Plan): string {
  return emitRunbookHtml(runbookView(plan, templates), templates);
}

/** Tags with their attributes, without what enters by values of attributes that may hold some. */
function tagsOf(html: string): readonly string[] {
  return (html.match(/<[^>]*>/gu) ?? []).filter((tag) => !/^<(?:text|rect|path|svg|g) /u.test(tag));
}

const letters: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"' };

/** What a browser shows of a page: without tags, and with references as letters. */
function textOf(html: string): string {
  return html
    .replace(/<[^>]*>/gu, '')
    .replace(/&(?:#x([0-9A-F]+)|#([0-9]+)|([a-z]+));/gu, (_, hex, decimal, name) =>
      name === undefined
        ? String.fromCodePoint(Number.parseInt(hex ?? decimal, hex === undefined ? 10 : 16))
        : (letters[name] ?? '?'),
    );
}

test('the same plan gives the same bytes', () => {
  expect(pageOf(planOf(mixed))).toBe(pageOf(planOf(mixed)));
});

test('every script of the expected way has its section and its boxes, in order', () => {
  const html = pageOf(planOf(mixed));
  const way = executionOrder(planOf(mixed)).filter((turn) => turn.when === 'always');
  const sections = [...html.matchAll(/<h4 id="script-\d+"><code>(.+)<\/code>/gu)];
  expect(sections.map(([, path]) => path)).toEqual(way.map(({ path }) => path));
  for (const { path } of way) {
    expect(html).toContain(`look: <code>bash ${path}</code>`);
    expect(html).toContain(`act: <code>bash ${path} <span class="keep">--apply</span></code>`);
  }
});

test('every hand-over has a place for initials and time', () => {
  const view = runbookView(planOf(mixed), templates);
  const handOvers = view.turns.filter(({ handOver }) => handOver !== '').length;
  const html = emitRunbookHtml(view, templates);
  expect(handOvers).toBeGreaterThan(3);
  expect(html.match(/<label>Initials <input type="text"/gu)).toHaveLength(handOvers);
  expect(html.match(/<label>Time <input type="text"/gu)).toHaveLength(handOvers);
});

test('every section of RUNBOOK.md is in the page and in its contents', () => {
  const titles = [...templates.runbook.matchAll(/^## (.*)$/gmu)].map(([, title]) => title);
  const html = pageOf(planOf(mixed));
  const nav = html.slice(html.indexOf('<nav'), html.indexOf('</nav>'));
  for (const title of titles) {
    expect(html).toMatch(new RegExp(`<h2 id="[a-z-]+">${title?.replaceAll('?', '\\?')}</h2>`, 'u'));
    expect(nav).toContain(`>${title}</a>`);
  }
});

test.each<readonly [string, World]>([
  ['mixed', mixed],
  ['before', { servers: ['-', '-', '-'], clients: ['-'] }],
  ['one server host', { servers: ['-'] }],
  ['the guide', { ...mixed, recovery: { rejoin: 'guide' } }],
  ['many', { servers: ['alive', 'lost', 'lost'], clients: Array(40).fill('replaced') }],
])('names are unique and links lead somewhere: %s', (_, world) => {
  const html = pageOf(planOf(world));
  const names = [...html.matchAll(/ id="([^"]*)"/gu)].map(([, name]) => name);
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  const links = [...html.matchAll(/ (?:href|aria-labelledby|aria-describedby)="#?([^"]*)"/gu)];
  expect(links.map(([, name]) => name).filter((name) => !names.includes(name))).toEqual([]);
});

test('a browser loads and runs nothing', () => {
  const html = pageOf(planOf(mixed));
  expect(html).not.toMatch(/<(?:script|link|img|iframe|object|form)\b|\bon[a-z]+=|url\(|@import/iu);
  expect(html).not.toMatch(/(?:src|href)="(?!#)/u);
  const [, policy] = /Security-Policy" content="([^"]*)"/u.exec(html) ?? [];
  expect(policy).toMatch(
    /^default-src &#x27;none&#x27;; style-src &#x27;sha256-[A-Za-z0-9+/]{43}&#x3D;&#x27;; /u,
  );
});

describe('hostile values', () => {
  const markup = [
    '</title><script>alert(1)</script>',
    `"><img src=x onerror=alert(1)>`,
    `' onmouseover='alert(1)`,
    '{{constructor}} {{#each x}} {{{y}}} `z` $&',
    '<!-- --> ]]> </style></svg></code></pre>&lt;&amp;&#60;',
    '| a | **b** | [c](javascript:alert(1)) ## d',
    '“” ≤ ñ 日本 עברית',
  ];

  /** An inventory that has the text wherever it may have any. */
  function hostile(text: string): Plan {
    const path = text.replaceAll('/', '⁄') || 'x';
    const given = JSON.parse(inventoryText({ servers: ['alive', 'returning', 'lost'] }));
    const inventory = {
      ...given,
      notes: text,
      api: { scheme: 'https', caCert: `/c/${path}`, clientCert: `/d/${path}`, clientKey: '/k' },
      hosts: given.hosts.map((host: object) => ({
        ...host,
        notes: text,
        dataDirectory: `/d/${path}`,
      })),
      recovery: {
        snapshot: { source: 'freshest', path: `/s/${path}` },
        tools: { directory: `/t/${path.replaceAll(':', ';')}` },
      },
      swarm: { stackFile: `/f/${path}` },
    };
    const parsed = parse(JSON.stringify(inventory), 'hostile.json');
    if (!parsed.ok) throw new Error(parsed.diagnostics.map(({ what }) => what).join('; '));
    const [plan] = planAll(parsed.inventory);
    if (plan === undefined) throw new Error('no plan');
    return plan;
  }

  const harmless = tagsOf(pageOf(hostile('x')));

  test.each(markup)('%s', (text) => {
    const html = pageOf(hostile(text));
    expect(tagsOf(html)).toEqual(harmless);
    expect(textOf(html).split(text.replaceAll('/', '⁄')).length).toBeGreaterThan(10);
    expect(textOf(html).split(text).length).toBeGreaterThan(4);
  });

  test('any text of an inventory', () => {
    const text = fc.string({ unit: 'binary', maxLength: 30 }).filter((value) => {
      const unseen =
        /(?! )[\p{Cc}\p{Cf}\p{Cs}\p{Zs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]/u;
      return !unseen.test(value) && !/^\.{0,2}$/u.test(value);
    });
    fc.assert(
      fc.property(text, (value) => {
        expect(tagsOf(pageOf(hostile(value)))).toEqual(harmless);
      }),
      { numRuns: 60 },
    );
  });

  test('a plan.json of others may have any words', () => {
    const plan = planOf(mixed);
    const [evil = ''] = markup;
    const other = (text: string): Plan => ({
      ...plan,
      recovery: { ...plan.recovery, because: text },
      quorum: { ...plan.quorum, words: text },
      phases: plan.phases.map((phase) => ({
        ...phase,
        title: text,
        turns: phase.turns.map((turn) => ({ ...turn, title: text, reason: text, next: [text] })),
      })),
    });
    expect(tagsOf(pageOf(other(evil)))).toEqual(tagsOf(pageOf(other('x'))));
  });
});

test('a style cannot end its element', () => {
  expect(() => renderHtml('{{css a}}', { a: '</style>' }, [])).toThrow(/style/u);
});

describe('many hosts', () => {
  const many: World = {
    servers: ['alive', 'returning', 'lost'],
    clients: Array.from({ length: 250 }, (_, n) => {
      return (['alive', 'lost', 'returning', 'replaced', 'gone'] as const)[n % 5] ?? 'alive';
    }),
  };
  const view = runbookView(planOf(many), templates);
  const html = emitRunbookHtml(view, templates);

  test('the page is smaller than RUNBOOK.md', () => {
    expect(html.length).toBeLessThan(emitRunbook(view, templates).length);
    expect(html.length / 253).toBeLessThan(3000);
  });

  test('every script is there once, with its boxes, in order', () => {
    const scripts = [
      ...html.matchAll(/<(?:h4 id="script-\d+"|th scope="row")><code>(\d+-[^<]+)<\/code>/gu),
    ];
    expect(scripts.map(([, path]) => path)).toEqual(view.turns.map(({ path }) => path));
    const boxes = html.match(/<input type="checkbox"> (?:look|act|<span>(?:look|act):)/gu);
    expect(boxes).toHaveLength(2 * view.turns.length);
    expect(html.match(/Last line: <samp>|<td><samp>/gu)).toHaveLength(view.turns.length);
  });

  test('a kind has its section once, and its commands', () => {
    const cards = html.match(/<article /gu) ?? [];
    expect(cards.length).toBeGreaterThan(10);
    expect(cards.length).toBeLessThan(25);
    expect(html).toMatch(/Also run by 49 more scripts/u);
  });

  test('the picture has a limited number of hosts', () => {
    expect(html.match(/<rect /gu)?.length).toBeLessThan(40);
    expect(html).toContain('>50 client hosts</text>');
  });

  test('up to 24 scripts all have their sections', () => {
    const few = pageOf(
      planOf({ servers: ['alive', 'lost', 'lost'], clients: Array(15).fill('alive') }),
    );
    expect(few.match(/<article /gu)).toHaveLength(22);
    expect(few).not.toContain('More scripts');
  });
});

describe('the picture', () => {
  const textsOf = (world: World) => {
    const html = pageOf(planOf(world));
    const figures = html.split('<figure>').slice(1);
    return figures.map((figure) => ({
      words: /<\/strong> <span>([^<]*)/u.exec(figure)?.[1],
      description: /<desc [^>]*>([^<]*)/u.exec(figure)?.[1],
    }));
  };

  test('before, during and after, in words', () => {
    expect(textsOf(mixed)).toEqual([
      {
        words: 'Votes: 5 of 5. Needed: 3.',
        description:
          's-1: votes. s-2: votes. s-3: votes. s-4: votes. s-5: votes. c-1: client. c-2: client.',
      },
      {
        words: 'Votes: 1 of 5. Needed: 3. No leader.',
        description:
          's-1: alive, no leader: the recovery starts here. s-2: lost; comes back with its disk. ' +
          's-3: lost; a new machine takes its place. s-4: lost; never comes back. ' +
          's-5: lost; not yet known how. c-1: alive. c-2: lost; not yet known how.',
      },
      {
        words: 'Votes: up to 4. Needed: 3. May be lost: 1.',
        description:
          's-1: recovery host; votes. s-2: votes; reattached. s-3: votes; removed, joined again. ' +
          's-4: removed. s-5: votes; reattached if it comes back with its disk. ' +
          'c-1: checked, left alone. c-2: started if it comes back with its disk.',
      },
    ]);
  });

  test('before an incident nobody knows which hosts are alive', () => {
    const [, during] = textsOf({ servers: ['-', '-', '-'] });
    expect(during?.words).toBe('Votes: fewer than 2 of 3. Needed: 2. No leader.');
    expect(during?.description).toContain('s-2: alive or lost.');
  });
});

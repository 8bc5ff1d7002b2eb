import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { bundle, type Files } from '../../../compiler/bundle/bundle.ts';
import { compare } from '../../../compiler/bundle/compare.ts';
import { deliver } from '../../../compiler/bundle/deliver.ts';
import { bundlePaths } from '../../../compiler/bundle/mark.ts';
import { openWork, type Work } from '../../../compiler/bundle/work.ts';
import { look, publish, stage, unfitPlace } from '../../../compiler/bundle/write.ts';
import type { Checks } from '../../../compiler/check/check.ts';
import { planAll } from '../../../compiler/compile.ts';
import type { EmittedFile } from '../../../compiler/emit/script.ts';
import { loadTemplates } from '../../../compiler/emit/templates.ts';
import { sha256 } from '../../../compiler/sha256.ts';
import { inventoryOf, inventoryText, type World } from '../world.ts';

let place = '';
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'plan write '));
});
afterEach(() => rmSync(place, { recursive: true }));

const templates = loadTemplates();

function files(world: World): readonly EmittedFile[] {
  return [...bundle(planAll(inventoryOf(world)), inventoryText(world), templates)];
}

const one = files({ servers: ['alive', 'returning', 'returning'] });
const two = files({ servers: ['alive', 'returning', 'gone'] });
const early = files({ servers: ['-', '-'] });

const noChecks: Checks = { enabled: false, shellcheck: null, required: false, progress: () => {} };

function delivered(target: string, some: Files = one) {
  return deliver(some, { directory: target, compareOnly: false }, noChecks);
}

/** Writes the files, and returns what became of the directory. */
async function write(target: string, some: Files = one): Promise<string> {
  const { delivered: done, diagnostics } = await delivered(target, some);
  return done?.state ?? diagnostics.map(({ code, what }) => `${code} ${what}`).join('\n');
}

function opened(target: string): Work {
  const work = openWork(target);
  if (typeof work === 'string') throw new Error(work);
  return work;
}

function listing(root: string): readonly string[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' }).sort();
}

function paths(some: readonly EmittedFile[]): readonly string[] {
  const folders = some.flatMap(({ path }) =>
    path.includes('/') ? [path.split('/')[0] ?? ''] : [],
  );
  return [...new Set([...some.map(({ path }) => path), ...folders])].sort();
}

test('written where nothing is, with modes that no umask changes', async () => {
  const umask = process.umask(0o077);
  try {
    expect(await write(join(place, 'deep/er'))).toBe('written');
  } finally {
    process.umask(umask);
  }
  const mode = (path: string) => statSync(join(place, 'deep/er', path)).mode & 0o777;
  expect([mode('.'), mode('undo'), mode('recover.sh'), mode('plan.json')]).toEqual([
    0o755, 0o755, 0o755, 0o644,
  ]);
});

test('an empty directory is taken, the same bundle left alone, another one replaced', async () => {
  const target = join(place, 'out');
  mkdirSync(target);
  expect(await write(target)).toBe('written');
  const before = statSync(join(target, 'plan.json')).ino;
  expect(await write(target)).toBe('unchanged');
  expect(statSync(join(target, 'plan.json')).ino).toBe(before);
  expect(await write(target, two)).toBe('written');
  expect(listing(target)).toEqual(paths(two));
  expect(await write(target, early)).toBe('written');
  expect(await write(target, early)).toBe('unchanged');
  expect(await write(target, one)).toBe('written');
  expect(readdirSync(place)).toEqual(['out']);
});

test.each([0o644, 0o777, 0o4755])('a changed mode %o is restored', async (mode) => {
  const target = join(place, 'out');
  await write(target);
  chmodSync(join(target, 'recover.sh'), mode);
  expect(await write(target)).toBe('written');
  expect(statSync(join(target, 'recover.sh')).mode & 0o7777).toBe(0o755);
});

test('a missing file is written again', async () => {
  const target = join(place, 'out');
  await write(target);
  unlinkSync(join(target, 'recover.sh'));
  expect(await write(target)).toBe('written');
  expect(listing(target)).toEqual(paths(one));
});

test('what fails while it is made leaves nothing, not even the folders above', async () => {
  function* failing(): Generator<EmittedFile> {
    yield* one;
    throw new Error('no template');
  }
  await expect(delivered(join(place, 'new/out'), failing())).rejects.toThrow('no template');
  expect(readdirSync(place)).toEqual([]);
});

test('every file of a bundle is one that its plan names', async () => {
  for (const [name, some] of Object.entries({ one, two, early })) {
    await write(join(place, name), some);
    const known = bundlePaths(join(place, name));
    if (typeof known === 'string') throw new Error(known);
    expect(some.map(({ path }) => path).filter((path) => !known.has(path))).toEqual([]);
  }
});

describe('never taken, and left as it is', () => {
  const target = () => join(place, 'out');
  const sums = (texts: Readonly<Record<string, string>>) => {
    mkdirSync(target(), { recursive: true });
    const lines = Object.entries(texts).map(([path, text]) => `${sha256(text)}  ${path}\n`);
    for (const [path, text] of Object.entries({ ...texts, SHA256SUMS: lines.sort().join('') })) {
      writeFileSync(join(target(), path), text);
    }
  };
  /** SHA256SUMS as a user makes it again over everything that is there. */
  const resign = () => {
    const all = listing(target()).filter(
      (path) => path !== 'SHA256SUMS' && statSync(join(target(), path)).isFile(),
    );
    const lines = all.map((path) => `${sha256(readFileSync(join(target(), path)))}  ${path}\n`);
    writeFileSync(join(target(), 'SHA256SUMS'), lines.join(''));
  };

  test.each<readonly [string, () => unknown, RegExp]>([
    ['a file', () => writeFileSync(target(), 'mine'), /^BUN002 .* is not a directory$/],
    [
      'a link, even to a bundle',
      async () => {
        await write(join(place, 'other'));
        symlinkSync('other', target());
      },
      /^BUN016 this is a symbolic link$/,
    ],
    [
      'a directory of something else',
      () => {
        mkdirSync(target());
        writeFileSync(join(target(), 'thesis.txt'), 'mine');
      },
      /^BUN002 .*thesis\.txt.* it has no plan\.json$/,
    ],
    [
      'a directory with files and a SHA256SUMS of its own',
      () => sums({ 'thesis.txt': 'mine', 'data.csv': '1,2' }),
      /^BUN002 /,
    ],
    [
      'also if it has a plan.json of its own',
      () => sums({ 'plan.json': '{"format": "plan/2", "buy": "milk"}', 'data.csv': '1,2' }),
      /^BUN002 .*older version/,
    ],
    [
      'and one that states some digest',
      () => sums({ 'plan.json': `{"format": "plan/2", "digest": "${'a'.repeat(64)}"}` }),
      /^BUN002 .*does not have the digest/,
    ],
    [
      'a directory with empty folders',
      () => mkdirSync(join(target(), 'a/b'), { recursive: true }),
      /^BUN002 .*a\/b\//,
    ],
    [
      'a directory that contains a bundle, with a SHA256SUMS of its own',
      async () => {
        await write(join(target(), 'acme'));
        writeFileSync(join(target(), 'README.md'), 'mine');
        resign();
      },
      /^BUN002 .*acme\/plan\.json is of another bundle$/,
    ],
    [
      'a bundle with a file more',
      async () => {
        await write(target());
        writeFileSync(join(target(), 'undo/notes.txt'), 'mine');
      },
      /^BUN003 undo\/notes\.txt is not part of the bundle$/,
    ],
    [
      'a bundle with a file more that SHA256SUMS lists',
      async () => {
        await write(target());
        writeFileSync(join(target(), 'notes.txt'), 'mine');
        resign();
      },
      /notes\.txt|SHA256SUMS/,
    ],
    [
      'a bundle with an empty folder more',
      async () => {
        await write(target());
        mkdirSync(join(target(), 'mine'));
      },
      /^BUN003 mine\/ /,
    ],
    [
      'a bundle with boxes ticked in its runbook',
      async () => {
        await write(target());
        appendFileSync(join(target(), 'RUNBOOK.md'), '- [x] done\n');
      },
      /^BUN004 RUNBOOK\.md does not match SHA256SUMS$/,
    ],
    [
      'a bundle whose plan was edited',
      async () => {
        await write(target());
        appendFileSync(join(target(), 'plan.json'), '\n');
        writeFileSync(
          join(target(), 'plan.json'),
          readFileSync(join(target(), 'plan.json'), 'utf8').replace('acme-s-1', 'acme-s-9'),
        );
      },
      /^BUN002 .*does not have the digest that it states$/,
    ],
    [
      'a bundle without its sums',
      async () => {
        await write(target());
        rmSync(join(target(), 'SHA256SUMS'));
      },
      /^BUN004 SHA256SUMS is missing or was changed by hand$/,
    ],
    [
      'a bundle for before an incident with a file more in a folder',
      async () => {
        await write(target(), early);
        writeFileSync(join(target(), 's-1/mine.txt'), 'mine');
      },
      /^BUN003 s-1\/mine\.txt/,
    ],
  ])('%s', async (_, make, want) => {
    await make();
    const before =
      existsSync(target()) && statSync(target()).isDirectory() ? listing(target()) : null;
    expect(await write(target(), two)).toMatch(want);
    if (before !== null) expect(listing(target())).toEqual(before);
    expect(readdirSync(place).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  test.each([
    ['the root directory', '/', /^BUN016 this is the root directory$/],
    ['a mount point', '/proc', /^BUN016 this is a mount point$/],
    ['the current directory', '.', /^BUN016 this is the current directory, or contains it$/],
    ['a directory above it', '..', /^BUN016 this is the current directory, or contains it$/],
    ['a name that is too long', `/tmp/${'x'.repeat(250)}`, /^BUN016 the name has more than/],
    ['a name that is far too long', `/tmp/${'x'.repeat(5000)}`, /^BUN016 the name has more than/],
    ['a path that is too long', `/tmp${'/x'.repeat(3000)}`, /^BUN005 .*the name is too long/],
    ['a path through a file', '/etc/passwd/out', /^BUN005 .*not a directory/],
    ['a file system that cannot be written', '/proc/nowhere/out', /^BUN005 /],
  ])('%s', async (_, given, want) => {
    const said = await write(given);
    expect(said).toMatch(want);
    expect(said.length).toBeLessThan(500);
  });
});

describe('changed while plan is running', () => {
  const target = () => join(place, 'out');

  test('before the swap: it stays, and is named', async () => {
    await write(target());
    function* meanwhile(): Generator<EmittedFile> {
      yield* two;
      appendFileSync(join(target(), 'RUNBOOK.md'), '- [x] done\n');
      writeFileSync(join(target(), 'note.txt'), 'mine');
    }
    const { exit, diagnostics } = await delivered(target(), meanwhile());
    expect([exit, ...diagnostics.map(({ what }) => what)]).toEqual([
      1,
      'RUNBOOK.md does not match SHA256SUMS',
      'note.txt is not part of the bundle',
    ]);
    expect(readFileSync(join(target(), 'RUNBOOK.md'), 'utf8')).toContain('[x] done');
    expect(readdirSync(place)).toEqual(['out']);
  });

  test('at the swap: the old bundle is kept under a name that is seen', async () => {
    await write(target());
    const work = opened(target());
    const staged = await stage(work, two);
    const { seen } = look(target());
    appendFileSync(join(target(), 'RUNBOOK.md'), '- [x] done\n');
    writeFileSync(join(target(), 'note.txt'), 'mine');
    const { state, kept } = publish(work, staged, seen);
    work.close();
    expect(state).toBe('written');
    expect(kept.map(({ code, what }) => `${code} ${what}`)).toEqual([
      'BUN014 RUNBOOK.md was changed while plan was running; it is kept in out.kept-1',
      'BUN014 note.txt was changed while plan was running; it is kept in out.kept-1',
    ]);
    expect(readdirSync(place)).toEqual(['out', 'out.kept-1']);
    expect(readFileSync(join(place, 'out.kept-1/RUNBOOK.md'), 'utf8')).toContain('[x] done');
    expect(readFileSync(join(place, 'out.kept-1/note.txt'), 'utf8')).toBe('mine');
    expect(listing(target())).toEqual(paths(two));
  });

  test('a directory that appears where none was', async () => {
    const work = opened(target());
    const staged = await stage(work, two);
    const { seen } = look(target());
    mkdirSync(target());
    writeFileSync(join(target(), 'note.txt'), 'mine');
    const { kept } = publish(work, staged, seen);
    work.close();
    expect(kept).toHaveLength(1);
    expect(readFileSync(join(place, 'out.kept-1/note.txt'), 'utf8')).toBe('mine');
  });
});

describe('one run at a time', () => {
  const target = () => join(place, 'out');
  /** What a run leaves that was killed at a moment, by a process that has ended. */
  const killed = (name: string, lock = true) => {
    const directory = join(place, `.out.partial-${name}`);
    mkdirSync(directory);
    const owner = JSON.stringify({
      format: 'plan-lock/1',
      machine: hostname(),
      pid: 2 ** 22 - 3,
      started: null,
    });
    writeFileSync(join(directory, 'owner.json'), owner);
    if (lock) writeFileSync(join(place, '.out.lock'), owner);
    return directory;
  };

  test('a second one is refused, and says which process it waits for', async () => {
    const work = opened(target());
    expect(await write(target())).toMatch(
      new RegExp(`^BUN015 another plan writes this bundle: process ${process.pid} on `, 'u'),
    );
    work.close();
    expect(await write(target())).toBe('written');
    expect(readdirSync(place)).toEqual(['out']);
  });

  test('the lock of a dead process is taken over, and what it left is removed', async () => {
    mkdirSync(join(killed('aaaaaa'), 'new/before'), { recursive: true });
    expect(await write(target())).toBe('written');
    expect(readdirSync(place)).toEqual(['out']);
  });

  test('killed between the two renames: the old bundle comes back first', async () => {
    await write(target());
    const directory = killed('bbbbbb');
    renameSync(target(), join(directory, 'old'));
    mkdirSync(join(directory, 'new'));
    const work = opened(target());
    expect(listing(target())).toEqual(paths(one));
    work.close();
    expect(readdirSync(place)).toEqual(['out']);
  });

  test('killed after them: the old bundle is kept', async () => {
    await write(target(), two);
    await write(join(place, 'earlier'));
    renameSync(join(place, 'earlier'), join(killed('cccccc'), 'old'));
    expect(await write(target(), two)).toBe('unchanged');
    expect(readdirSync(place)).toEqual(['out', 'out.kept-1']);
  });

  test('what only has such a name is not touched', async () => {
    const mine = join(place, '.out.partial-mine');
    mkdirSync(mine);
    writeFileSync(join(mine, 'notes.txt'), 'mine');
    const more = killed('dddddd', false);
    writeFileSync(join(more, 'notes.txt'), 'mine');
    expect(await write(target())).toBe('written');
    expect(readFileSync(join(mine, 'notes.txt'), 'utf8')).toBe('mine');
    expect(readFileSync(join(more, 'notes.txt'), 'utf8')).toBe('mine');
  });

  test('a file that only has the name of the lock is not touched', async () => {
    writeFileSync(join(place, '.out.lock'), 'mine');
    expect(await write(target())).toMatch(/^BUN015 .* is not a lock of plan$/u);
    expect(readFileSync(join(place, '.out.lock'), 'utf8')).toBe('mine');
  });

  test('a process on another machine may be alive', async () => {
    const owner = { format: 'plan-lock/1', machine: 'elsewhere', pid: 1, started: null };
    writeFileSync(join(place, '.out.lock'), JSON.stringify(owner));
    expect(await write(target())).toMatch(/^BUN015 .*process 1 on elsewhere/u);
  });
});

describe('compared', () => {
  const target = () => join(place, 'out');
  const found = (some: readonly EmittedFile[] = one) =>
    compare(target(), some).map(({ code, what }) => `${code} ${what}`);

  test('the same', async () => {
    await write(target());
    expect(found()).toEqual([]);
  });

  test('missing, changed, extra, another mode, an empty folder', async () => {
    await write(target());
    rmSync(join(target(), 'plan.json'));
    appendFileSync(join(target(), 'RUNBOOK.md'), 'x');
    chmodSync(join(target(), 'recover.sh'), 0o744);
    mkdirSync(join(target(), 'x/y'), { recursive: true });
    writeFileSync(join(target(), 'x/extra.sh'), '');
    expect(found()).toEqual([
      'BUN010 plan.json is missing',
      'BUN011 RUNBOOK.md differs',
      'BUN013 recover.sh has mode 744, not 755',
      'BUN012 x/extra.sh is not part of the bundle',
      'BUN012 x/y/ is not part of the bundle',
    ]);
  });

  test('from a missing directory: one line, and it is not created', () => {
    expect(found()).toEqual([`BUN017 ${target()} is not there`]);
    expect(existsSync(target())).toBe(false);
  });

  test('bytes, not text: what is not UTF-8 differs, also if it is decoded to the same', async () => {
    await write(target());
    const file = one.find(({ path }) => path === 'RUNBOOK.md');
    const odd = one.map((each) =>
      each === file ? { ...each, text: each.text.replace('a', '\ufffd') } : each,
    );
    const bytes = Buffer.from(file?.text ?? '');
    const at = bytes.indexOf('a');
    bytes[at] = 0xff;
    writeFileSync(join(target(), 'RUNBOOK.md'), bytes);
    expect(found(odd)).toEqual(['BUN011 RUNBOOK.md differs']);
  });

  test('only the layout of the inventory', async () => {
    const world: World = { servers: ['-', '-'] };
    await write(target(), early);
    const text = JSON.stringify(JSON.parse(inventoryText(world)), null, 4);
    expect(found([...bundle(planAll(inventoryOf(world)), text, templates)])).toEqual([
      'BUN018 only the layout of the inventory differs',
    ]);
    const noted = JSON.stringify({ ...JSON.parse(text), notes: 'more' });
    expect(found([...bundle(planAll(inventoryOf(world)), noted, templates)])).toContain(
      'BUN011 inventory.json differs',
    );
  });
});

test('a place that fits has nothing to say', () => {
  expect(unfitPlace(join(place, 'out'))).toEqual([]);
});

// Two sides -> what differs between them: values, scripts, steps, guards, functions, other files.

import { joinedCommands, type Page, readPage, type ScriptParts } from '../emit/parts.ts';
import { piecesOf } from '../emit/pieces.ts';
import type { Side } from './sides.ts';
import { changedValues, type ValueChange } from './values.ts';

/** How a value shows in the scripts. */
export interface ValueDifference extends ValueChange {
  readonly scripts: readonly string[];
  /** Names of the values in the scripts that contain it. */
  readonly values: readonly string[];
  /** The steps whose commands contain it, by their bash function. */
  readonly commands: readonly string[];
  /** Other places: header, guards, last lines. */
  readonly also: readonly string[];
}

/** Something in scripts that was added, removed or changed. */
export interface Change {
  readonly what: 'added' | 'removed' | 'changed';
  readonly name: string;
  readonly scripts: readonly string[];
  readonly before: string | null;
  readonly after: string | null;
}

/** All differences. */
export interface Difference {
  readonly same: boolean;
  readonly values: readonly ValueDifference[];
  readonly scripts: readonly Change[];
  readonly steps: readonly Change[];
  readonly guards: readonly Change[];
  /** Of the scripts, and explained by no value of the plan. */
  readonly scriptValues: readonly Change[];
  readonly commands: readonly Change[];
  readonly functions: readonly Change[];
  /** Other lines of scripts: header, comments, frame, last lines. */
  readonly lines: readonly Change[];
  readonly files: readonly Change[];
}

/** Something in one script that differs. */
interface Spot {
  readonly part: 'steps' | 'guards' | 'scriptValues' | 'commands' | 'lines';
  readonly name: string;
  readonly before: string | null;
  readonly after: string | null;
}

/** Compares two sides. */
export function diff(old: Side, now: Side): Difference {
  const changes = planChanges(old, now);
  const found = changes.map((change) => ({
    change,
    scripts: new Set<string>(),
    values: new Set<string>(),
    commands: new Set<string>(),
    also: new Set<string>(),
  }));
  const gathered = gatherer();
  const functions = functionCounter();
  for (const path of union(old.scripts, now.scripts)) {
    const [a, b] = [old.scripts.get(path)?.() ?? null, now.scripts.get(path)?.() ?? null];
    functions.add(path, a, b);
    if (a === null || b === null) {
      if (a !== null || b !== null) {
        gathered.add('scripts', path, { name: path, ...sides(a && titleOf(a), b && titleOf(b)) });
      }
      continue;
    }
    if (a.header === b.header && a.page === b.page) continue;
    for (const spot of spotsOf(a, b)) {
      const owners = found.filter(({ change }) => explains(change, spot));
      for (const owner of owners) {
        owner.scripts.add(path);
        if (spot.part === 'scriptValues') owner.values.add(spot.name);
        else if (spot.part === 'commands') owner.commands.add(spot.name);
        else owner.also.add(spot.name);
      }
      if (owners.length === 0) gathered.add(spot.part, path, spot);
    }
  }
  const files = fileChanges(old, now);
  const difference = {
    values: found.map(({ change, ...places }) => ({
      ...change,
      scripts: [...places.scripts].sort(),
      values: [...places.values].sort(),
      commands: [...places.commands].sort(),
      also: [...places.also].sort(),
    })),
    scripts: gathered.of('scripts'),
    steps: gathered.of('steps'),
    guards: gathered.of('guards'),
    scriptValues: gathered.of('scriptValues'),
    commands: gathered.of('commands'),
    functions: functions.changes(),
    lines: gathered.of('lines'),
    files,
  };
  return { same: Object.values(difference).every((list) => list.length === 0), ...difference };
}

function planChanges(old: Side, now: Side): readonly ValueChange[] {
  const changes = union(old.plans, now.plans).flatMap((folder) =>
    old.plans.has(folder) && now.plans.has(folder)
      ? changedValues(old.plans.get(folder), now.plans.get(folder))
      : [
          {
            name: `plan ${folder}plan.json`,
            ...sides(old.plans.get(folder), now.plans.get(folder)),
          },
        ],
  );
  const seen = new Map(changes.map((change) => [JSON.stringify(change), change]));
  return [...seen.values()];
}

function sides(before: unknown, after: unknown): Pick<ValueChange, 'before' | 'after'> {
  const text = (value: unknown) =>
    value === null || value === undefined ? null : typeof value === 'string' ? value : 'there';
  return { before: text(before), after: text(after) };
}

function union(a: ReadonlyMap<string, unknown>, b: ReadonlyMap<string, unknown>) {
  return [...new Set([...a.keys(), ...b.keys()])].sort();
}

/** Whether a changed value of the plan is what changed there. */
function explains({ before, after }: ValueChange, spot: Spot): boolean {
  if (before === null || after === null || spot.before === null || spot.after === null) {
    return false;
  }
  // A short number is in many texts: it must be all that differs.
  if (/^(\d{1,5}|true|false|none)$/u.test(before)) {
    return spot.before.replace(wordOf(before), () => after) === spot.after;
  }
  return wordOf(before).test(spot.before) && wordOf(after).test(spot.after);
}

const words = new Map<string, RegExp>();

/** Finds a value, and not a longer one that begins or ends with it. */
function wordOf(value: string): RegExp {
  const known = words.get(value);
  if (known !== undefined) return known;
  const literal = value.replace(/[\\^$.*+?()[\]{}|]/gu, '\\$&');
  const pattern = new RegExp(`(?<![A-Za-z0-9]|[0-9]\\.)${literal}(?![A-Za-z0-9]|\\.[0-9])`, 'u');
  words.set(value, pattern);
  return pattern;
}

function titleOf({ header }: ScriptParts): string {
  return /^# \S+: (.*)$/mu.exec(header)?.[1] ?? '';
}

/** The header without the digests, which follow from the rest. */
function headerOf({ header }: ScriptParts): string {
  return header.replace(/^# {3}(page|functions|engine) .*\n/gmu, '');
}

/** Where two scripts of one path differ, functions aside. */
function spotsOf(a: ScriptParts, b: ScriptParts): readonly Spot[] {
  const [old, now] = [readPage(a.page), readPage(b.page)];
  const spots = [
    ...lineSpots('header', headerOf(a), headerOf(b)),
    ...guardSpots(old.guards, now.guards),
    ...stepSpots(old, now),
    ...union(old.values, now.values)
      .filter((name) => old.values.get(name) !== now.values.get(name))
      .map((name) => ({
        part: 'scriptValues' as const,
        name,
        before: old.values.get(name) ?? null,
        after: now.values.get(name) ?? null,
      })),
    ...lineSpots('last lines', old.last, now.last),
    ...lineSpots('frame', old.frame, now.frame),
  ];
  if (spots.length > 0 || a.page === b.page) return spots;
  return [{ part: 'lines', name: 'page', before: null, after: null }];
}

function lineSpots(name: string, before: string, after: string): readonly Spot[] {
  return before === after ? [] : [{ part: 'lines', name, before, after }];
}

function nameOf(call: string): string {
  return call.split(' ')[0] ?? '';
}

function guardSpots(old: readonly string[], now: readonly string[]): readonly Spot[] {
  const gone = old.filter((guard) => !now.includes(guard));
  const come = now.filter((guard) => !old.includes(guard));
  const changed = gone.length === come.length;
  if (gone.length + come.length === 0) {
    return lineSpots('order of guards', old.join('\n'), now.join('\n'));
  }
  if (changed) {
    return gone.map((before, at) => ({
      part: 'guards',
      name: nameOf(before),
      before,
      after: come[at] ?? null,
    }));
  }
  return [
    ...gone.map((before) => ({
      part: 'guards' as const,
      name: nameOf(before),
      before,
      after: null,
    })),
    ...come.map((after) => ({ part: 'guards' as const, name: nameOf(after), before: null, after })),
  ];
}

/** Steps are matched by their functions and how often these were called before. */
function stepSpots(old: Page, now: Page): readonly Spot[] {
  const [before, after] = [keyed(old), keyed(now)];
  const spots = union(before, after).flatMap((key): readonly Spot[] => {
    const [a, b] = [before.get(key), after.get(key)];
    if (a === undefined || b === undefined) {
      const step = (a ?? b) as Page['steps'][number];
      const title = `${step.guide} ${step.title}`;
      const there = { part: 'steps', name: step.name } as const;
      return [{ ...there, ...(a === undefined ? sides(null, title) : sides(title, null)) }];
    }
    const [c, d] = [commandsOf(a), commandsOf(b)];
    const pairs = Array.from({ length: Math.max(c.length, d.length) }, (_, at) => [c[at], d[at]]);
    // If commands were added or removed, places say nothing about which belongs to which.
    const differing =
      c.length === d.length
        ? pairs.filter(([x, y]) => x !== y)
        : [
            ...c.filter((x) => !d.includes(x)).map((x) => [x, undefined]),
            ...d.filter((y) => !c.includes(y)).map((y) => [undefined, y]),
          ];
    return [
      ...differing.map(([x, y]) => ({ part: 'commands' as const, name: a.name, ...sides(x, y) })),
      ...lineSpots(`comment of ${a.name}`, a.reason, b.reason),
    ];
  });
  const order = (page: Page, other: ReadonlyMap<string, unknown>) =>
    [...keyed(page).keys()].filter((key) => other.has(key)).join('\n');
  return [...spots, ...lineSpots('order of steps', order(old, after), order(now, before))];
}

function keyed({ steps }: Page): ReadonlyMap<string, Page['steps'][number]> {
  const times = new Map<string, number>();
  return new Map(
    steps.map((step) => {
      const time = (times.get(step.name) ?? 0) + 1;
      times.set(step.name, time);
      return [`${step.name} ${time}`, step];
    }),
  );
}

/** What a step does: its title, its call and its commands. */
function commandsOf(step: Page['steps'][number]): readonly string[] {
  return [`${step.guide} ${step.title}`, step.call, ...joinedCommands(step.lines)];
}

/** Puts the same change in several scripts together. */
function gatherer() {
  const groups = new Map<string, Map<string, Omit<Change, 'what'> & { scripts: string[] }>>();
  return {
    add(part: string, path: string, { name, before, after }: Omit<Spot, 'part'>): void {
      const group = groups.get(part) ?? new Map();
      groups.set(part, group);
      const key = JSON.stringify([name, before, after]);
      const change = group.get(key) ?? { name, before, after, scripts: [] };
      change.scripts.push(path);
      group.set(key, change);
    },
    of(part: string): readonly Change[] {
      return [...(groups.get(part)?.values() ?? [])].map((change) => ({
        what: kindOf(change.before, change.after),
        ...change,
      }));
    },
  };
}

function kindOf(before: string | null, after: string | null): Change['what'] {
  if (before === null && after !== null) return 'added';
  return after === null && before !== null ? 'removed' : 'changed';
}

interface Carried {
  readonly before: Map<string, Set<string>>;
  readonly after: Map<string, Set<string>>;
}

/** Counts which scripts carry which text of each function, before and after. */
function functionCounter() {
  const names = new Map<string, Carried>();
  const count = (path: string, parts: ScriptParts | null, side: keyof Carried) => {
    if (parts === null) return;
    for (const text of [parts.functions, parts.engine]) {
      for (const { name, digest } of piecesOf(text)) {
        const key = name || 'last lines';
        const carried = names.get(key) ?? { before: new Map(), after: new Map() };
        names.set(key, carried);
        const scripts = carried[side].get(digest) ?? new Set();
        carried[side].set(digest, scripts.add(path));
      }
    }
  };
  return {
    add(path: string, before: ScriptParts | null, after: ScriptParts | null): void {
      count(path, before, 'before');
      count(path, after, 'after');
    },
    changes(): readonly Change[] {
      return [...names].flatMap(([name, { before, after }]) => {
        const digests = (side: Map<string, Set<string>>) => [...side.keys()].sort().join(', ');
        if (digests(before) === digests(after)) return [];
        const scripts = [...(after.size > 0 ? after : before).values()].flatMap((all) => [...all]);
        const texts = {
          before: before.size > 0 ? digests(before) : null,
          after: after.size > 0 ? digests(after) : null,
        };
        const what = kindOf(texts.before, texts.after);
        return [{ what, name, scripts: [...new Set(scripts)].sort(), ...texts }];
      });
    },
  };
}

function fileChanges(old: Side, now: Side): readonly Change[] {
  const { files: before } = old;
  const { files: after } = now;
  if (before === null || after === null) return [];
  return union(before, after)
    .filter((path) => before.get(path) !== after.get(path))
    .map((path) => {
      const texts = sides(before.get(path), after.get(path));
      return { what: kindOf(texts.before, texts.after), name: path, scripts: [], ...texts };
    });
}

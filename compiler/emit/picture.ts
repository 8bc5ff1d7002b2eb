// The runbook's view -> the cluster before, during and after the recovery, as three drawings. Shapes and
// words say everything; colour says nothing.

import type { RunbookView } from './runbook.ts';

type HostView = RunbookView['hosts'][number];

/** One drawing: a line of etcd votes with the hosts on it. Lengths are in units of its view box. */
interface Panel {
  readonly id: string;
  readonly title: string;
  /** The votes, in words. */
  readonly words: string;
  /** All of it in words, for those who do not see it. */
  readonly description: string;
  readonly width: number;
  readonly height: number;
  /** Where the line of votes begins and ends; broken if there is no quorum. */
  readonly line: { readonly from: number; readonly to: number; readonly broken: boolean };
  readonly rows: readonly Row[];
}

interface Row {
  readonly y: number;
  readonly middle: number;
  readonly height: number;
  readonly voter: boolean;
  readonly recovery: boolean;
  readonly idle: boolean;
  readonly down: boolean;
  readonly client: boolean;
  readonly names: readonly Text[];
  readonly words: readonly Text[];
}

interface Text {
  readonly y: number;
  readonly text: string;
}

/** What a row shows, before it has its place. */
interface Shown {
  readonly sign: 'voter' | 'recovery' | 'idle' | 'down' | 'client';
  readonly words: string;
}

const width = 260;
/** Letters that fit on a line: names have a fixed width, words are counted as wide. */
const fits = { name: 24, words: 32 };
/** So many hosts of one mode are drawn one by one; more are counted. */
const single = { server: 9, client: 3 };

const states = {
  alive: 'alive',
  returning: 'lost; comes back with its disk',
  replaced: 'lost; a new machine takes its place',
  gone: 'lost; never comes back',
  lost: 'lost; not yet known how',
} as const;

/** The three drawings. Clusters of many hosts give drawings of the same size. */
export function picture({ hosts, recovery, votes }: RunbookView): readonly Panel[] {
  const voters = hosts.filter(({ mode, back }) => mode === 'server' && back);
  const needed = Math.floor(voters.length / 2) + 1;
  const certain = voters.every(({ state }) => state !== 'lost' && state !== 'not declared');
  const alive = votes.alive ?? `fewer than ${votes.needed}`;
  return [
    panel(
      'before',
      'Before',
      `Votes: ${votes.all} of ${votes.all}. Needed: ${votes.needed}.`,
      hosts,
      ({ mode }) =>
        mode === 'server' ? { sign: 'voter', words: 'votes' } : { sign: 'client', words: 'client' },
    ),
    panel(
      'during',
      'During',
      `Votes: ${alive} of ${votes.all}. Needed: ${votes.needed}. No leader.`,
      hosts,
      (host) => during(host, host.id === recovery),
    ),
    panel(
      'after',
      'After',
      `Votes: ${certain ? '' : 'up to '}${voters.length}. Needed: ${needed}. ` +
        `May be lost: ${voters.length - needed}.`,
      hosts,
      (host) => after(host, host.id === recovery),
    ),
  ];
}

function during({ mode, state }: HostView, chosen: boolean): Shown {
  const sign = mode === 'client' ? 'client' : 'idle';
  if (state === 'not declared') {
    return chosen
      ? { sign, words: 'alive, with its disk: the recovery starts here' }
      : { sign: mode === 'client' ? 'client' : 'down', words: 'alive or lost' };
  }
  const start = chosen ? ': the recovery starts here' : '';
  if (state === 'alive')
    return { sign, words: `alive${mode === 'server' ? ', no leader' : ''}${start}` };
  return { sign: 'down', words: `${states[state]}${start}` };
}

function after({ mode, way, back }: HostView, chosen: boolean): Shown {
  if (chosen) return { sign: 'recovery', words: 'recovery host; votes' };
  if (!back) return { sign: 'down', words: way };
  return mode === 'server'
    ? { sign: 'voter', words: `votes; ${way}` }
    : { sign: 'client', words: way };
}

function panel(
  id: string,
  title: string,
  words: string,
  hosts: readonly HostView[],
  show: (host: HostView) => Shown,
): Panel {
  const rows: Row[] = [];
  let y = 2;
  for (const { name, mode, shown } of drawn(hosts, show)) {
    const names = wrapped(name, fits.name, y + 19, 17);
    const lines = wrapped(shown.words, fits.words, y + 19 + names.length * 17 - 2, 15);
    const height = 15 + names.length * 17 + lines.length * 15;
    rows.push({
      y,
      middle: y + height / 2,
      height,
      voter: shown.sign === 'voter',
      recovery: shown.sign === 'recovery',
      idle: shown.sign === 'idle',
      down: shown.sign === 'down',
      client: mode === 'client',
      names,
      words: lines,
    });
    y += height + 8;
  }
  const onLine = rows.filter(({ client, down }) => !client && (id === 'during' || !down));
  return {
    id,
    title,
    words,
    description: drawn(hosts, show)
      .map(({ name, shown }) => `${name}: ${shown.words}.`)
      .join(' '),
    width,
    height: y - 6,
    line: {
      from: onLine[0]?.middle ?? 0,
      to: onLine.at(-1)?.middle ?? 0,
      broken: id === 'during',
    },
    rows,
  };
}

/** The hosts one by one; if there are many, those alike as one. */
function drawn(hosts: readonly HostView[], show: (host: HostView) => Shown) {
  return (['server', 'client'] as const).flatMap((mode) => {
    const all = hosts.filter((host) => host.mode === mode);
    const one = all.map((host) => ({ name: host.id, mode, shown: show(host) }));
    if (all.length <= single[mode]) return one;
    const alike = new Map<string, (typeof one)[number][]>();
    for (const each of one) {
      const key = JSON.stringify(each.shown);
      alike.set(key, [...(alike.get(key) ?? []), each]);
    }
    return [...alike.values()].map((group) => {
      const [first] = group as [(typeof one)[number]];
      return group.length === 1 ? first : { ...first, name: `${group.length} ${mode} hosts` };
    });
  });
}

/** A text in lines of at most so many letters, broken at spaces and hyphens if possible. */
function wrapped(text: string, letters: number, y: number, step: number): readonly Text[] {
  const lines: string[] = [''];
  for (const piece of text.match(/[^\s-]+(?:-+|\s+)?|[\s-]+/gu) ?? []) {
    for (let rest = piece; rest !== ''; ) {
      const line = lines.at(-1) ?? '';
      const free = letters - line.length;
      if (rest.trimEnd().length <= free) {
        lines.splice(-1, 1, line + rest);
        rest = '';
      } else if (line !== '') {
        lines.push('');
      } else {
        lines.splice(-1, 1, rest.slice(0, letters));
        lines.push('');
        rest = rest.slice(letters);
      }
    }
  }
  return lines
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map((line, index) => ({ y: y + index * step, text: line }));
}

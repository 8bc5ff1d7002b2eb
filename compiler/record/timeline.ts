// Entries of several hosts -> one timeline of runs, as data and as Markdown for a post-mortem.

import type { Entry } from './read.ts';

/** One run of a script with --apply. The fields of its end are null if it never wrote one. */
interface Run {
  /** UTC, ISO 8601. Without an end it is the time of the first change, which comes after the checks. */
  readonly began: string;
  readonly host: string;
  readonly plan: string;
  readonly incident: number;
  readonly script: string;
  readonly sha256: string | null;
  readonly arguments: readonly string[];
  readonly login: string | null;
  readonly ended: string | null;
  readonly status: number | null;
  readonly step: string | null;
  readonly seconds: number | null;
  readonly changes: number | null;
}

/** What happened, for people and machines. */
export interface Timeline {
  readonly format: 'record/1';
  readonly runs: readonly Run[];
  /** Each statement of loss, with its host and the time it was first recorded. */
  readonly losses: readonly Statement[];
  /** Each set of hosts that a person confirmed as stopped. */
  readonly confirmations: readonly Statement[];
}

interface Statement {
  readonly time: string;
  readonly host: string;
  readonly login: string | null;
  readonly text: string;
}

/** The timeline of the entries, by time. The same entry in two files counts once. */
export function timelineOf(entries: readonly Entry[]): Timeline {
  const distinct = [...new Map(entries.map((each) => [JSON.stringify(each), each])).values()];
  const sorted = distinct
    .map((entry) => ({ entry, time: utc(entry.time) }))
    .sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
  const ends = new Map<string, (typeof sorted)[number]>();
  for (const each of sorted) if (each.entry.event === 'end') ends.set(keyOf(each.entry), each);
  const runs = sorted.flatMap(({ entry, time }) => {
    if (entry.event !== 'start') return [];
    const end = ends.get(keyOf(entry));
    const { host, plan, incident, script, sha256 } = entry;
    const ended = end?.entry.event === 'end' ? end.entry : null;
    return [
      {
        ...{ began: began(time, end?.time, ended?.seconds), host, plan, incident, script, sha256 },
        ...{ arguments: entry.arguments, login: person(entry.login) },
        ended: end?.time ?? null,
        status: ended?.status ?? null,
        step: ended?.step ?? null,
        seconds: ended?.seconds ?? null,
        changes: ended?.changes ?? null,
      },
    ];
  });
  return {
    format: 'record/1',
    runs,
    losses: statements(sorted, (entry) => (entry.event === 'end' ? entry.loss : null)),
    confirmations: statements(sorted, (entry) => (entry.event === 'end' ? entry.fenced : null)),
  };
}

/** Each text with the place where it was recorded first. */
function statements(
  sorted: readonly { readonly entry: Entry; readonly time: string }[],
  textOf: (entry: Entry) => string | null,
): readonly Statement[] {
  const first = new Map<string, Statement>();
  for (const { entry, time } of sorted) {
    const text = textOf(entry);
    if (text === null || text === '') continue;
    const key = `${entry.host} ${entry.plan} ${entry.incident} ${text}`;
    if (!first.has(key)) {
      first.set(key, { time, host: entry.host, login: person(entry.login), text });
    }
  }
  return [...first.values()];
}

/** When the script began: the first line is written after the checks, and the last one counts from there. */
function began(first: string, last: string | undefined, seconds: number | undefined): string {
  if (last === undefined || seconds === undefined) return first;
  const counted = utc(new Date(Date.parse(last) - seconds * 1000).toISOString());
  return counted < first ? counted : first;
}

function keyOf({ host, plan, script, run }: Entry): string {
  return `${host} ${plan} ${script} ${run}`;
}

/** The time in UTC. The scripts write the offset without a colon, which Date does not read. */
function utc(time: string): string {
  const date = new Date(time.replace(/([+-]\d\d)(\d\d)$/u, '$1:$2'));
  return date.toISOString().replace('.000Z', 'Z');
}

function person(login: string): string | null {
  return login === '' || login === '4294967295' ? null : login;
}

/** The timeline as Markdown. */
export function timelineMarkdown({ runs, losses, confirmations }: Timeline): string {
  const plans = [...new Set(runs.map(({ plan, incident }) => `${plan}, incident ${incident}`))];
  const first = runs[0]?.began ?? '';
  const last = runs.flatMap(({ ended }) => ended ?? []).at(-1);
  const lines = [
    '# Record of the recovery',
    '',
    ...plans.map((plan) => `- Plan ${plan}`),
    `- From ${first}${last === undefined ? '' : ` to ${last}`} (all times in UTC, by the clock of each host)`,
    `- ${runs.length} runs, ${handOvers(runs)} log-ins`,
    '',
    '| began | host | script | result | seconds | changes | log-in | arguments |',
    '|---|---|---|---|---|---|---|---|',
    ...runs.map((run) =>
      row([
        run.began,
        run.host,
        run.script,
        resultOf(run),
        number(run.seconds),
        number(run.changes),
        run.login ?? '-',
        run.arguments.join(' '),
      ]),
    ),
    ...section('Loss, as stated', losses),
    ...section('Confirmed by a person as stopped', confirmations),
    '',
    '## Scripts by digest',
    '',
    ...[...new Set(runs.map(({ script, sha256 }) => `- ${cell(script)}: sha256 ${sha256}`))],
  ];
  return `${lines.join('\n')}\n`;
}

function section(title: string, all: readonly Statement[]): readonly string[] {
  if (all.length === 0) return [];
  const words = all.map(
    ({ time, host, login, text }) =>
      `- ${time} on ${cell(host)}${login === null ? '' : ` (log-in ${login})`}: ${cell(text)}`,
  );
  return ['', `## ${title}`, '', ...words];
}

function handOvers(runs: readonly Run[]): number {
  return runs.filter(({ host }, at) => runs[at - 1]?.host !== host).length;
}

function resultOf({ status, step }: Run): string {
  if (status === null) return 'interrupted, without an end';
  if (status === 0) return 'done';
  return `status ${status} in step ${step}`;
}

function number(value: number | null): string {
  return value === null ? '-' : String(value);
}

function row(cells: readonly string[]): string {
  return `| ${cells.map(cell).join(' | ')} |`;
}

/** Text in a table: no cell ends early, and nothing is taken for markup. */
function cell(text: string): string {
  return text.replace(/[\\|`*_<>[\]]/gu, (sign) => `\\${sign}`).replaceAll('\n', ' ');
}

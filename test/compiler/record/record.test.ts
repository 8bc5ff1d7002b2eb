import { describe, expect, test } from 'vitest';
import { readRecord } from '../../../compiler/record/read.ts';
import { timelineMarkdown, timelineOf } from '../../../compiler/record/timeline.ts';

/** A line as a script writes it. */
function line(fields: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({
    time: '2026-11-27T03:12:00+0100',
    host: 'host-1',
    plan: 'acme-host-1',
    incident: 1,
    script: '01-prepare-on-host-1.sh',
    run: '1000-77',
    login: '1000',
    ...fields,
  });
}

const start = { event: 'start', sha256: 'a'.repeat(64), arguments: ['--apply'] };
const end = {
  event: 'end',
  status: 0,
  step: 'end',
  seconds: 40,
  changes: 7,
  loss: null,
  fenced: null,
};

describe('reading', () => {
  test('start and end of a run', () => {
    const read = readRecord(`${line(start)}\n${line(end)}\n`, 'r');
    expect(read.diagnostics).toEqual([]);
    expect(read.entries.map(({ event }) => event)).toEqual(['start', 'end']);
  });

  test.each([
    ['no JSON', 'hello\n'],
    ['another form', '{"event":"start"}\n'],
    ['a field too many', `${line({ ...end, more: 1 })}\n`],
    ['nothing', ''],
  ])('%s is an error with its line', (_, text) => {
    const { diagnostics } = readRecord(text, 'record.jsonl');
    expect(diagnostics.map(({ code, file, line: at }) => [code, file, at])).toEqual([
      ['RCD001', 'record.jsonl', 1],
    ]);
  });

  test('a last line cut short by a power cut is a warning, and the others count', () => {
    const { entries, diagnostics } = readRecord(`${line(start)}\n${line(end).slice(0, 40)}`, 'r');
    expect(entries).toHaveLength(1);
    expect(diagnostics.map(({ code, severity, line: at }) => [code, severity, at])).toEqual([
      ['RCD002', 'warning', 2],
    ]);
  });
});

function timeline(...lines: readonly Readonly<Record<string, unknown>>[]) {
  return timelineOf(readRecord(lines.map((each) => `${line(each)}\n`).join(''), 'r').entries);
}

test('a run begins before its checks, which come before its first line', () => {
  const { runs } = timeline(
    { ...start, time: '2026-11-27T17:52:05+0000' },
    { ...end, time: '2026-11-27T17:52:19+0000', seconds: 33 },
    { ...start, time: '2026-11-27T17:53:00+0000', run: '2000-78' },
  );
  expect(runs.map(({ began }) => began)).toEqual(['2026-11-27T17:51:46Z', '2026-11-27T17:53:00Z']);
});

describe('the timeline', () => {
  test('is in the order of real time, in whatever time zone each host is', () => {
    const { runs } = timeline(
      { ...start, host: 'host-2', time: '2026-11-27T02:30:00+0000', script: 'second.sh' },
      { ...start, time: '2026-11-27T03:12:00+0100', script: 'first.sh' },
    );
    expect(runs.map(({ script, began }) => `${began} ${script}`)).toEqual([
      '2026-11-27T02:12:00Z first.sh',
      '2026-11-27T02:30:00Z second.sh',
    ]);
  });

  test('a run has its own end: not that of another run, host or script', () => {
    const { runs } = timeline(
      start,
      { ...end, run: '1000-78', status: 75 },
      { ...end, host: 'host-2', status: 78 },
      { ...end, script: 'other.sh', status: 1 },
    );
    expect(runs.map(({ status, ended }) => [status, ended])).toEqual([[null, null]]);
  });

  test('the same line in two files counts once', () => {
    expect(timeline(start, end, start, end).runs).toHaveLength(1);
  });

  test('loss and confirmations appear once, where they were recorded first', () => {
    const { losses, confirmations } = timeline(
      { ...end, loss: 'the last 3 entries', fenced: 'host-2 host-3' },
      { ...end, run: '9-9', time: '2026-11-27T03:20:00+0100', loss: 'the last 3 entries' },
    );
    expect(losses).toEqual([
      { time: '2026-11-27T02:12:00Z', host: 'host-1', login: '1000', text: 'the last 3 entries' },
    ]);
    expect(confirmations.map(({ text }) => text)).toEqual(['host-2 host-3']);
  });

  test('as Markdown: results in words, and no text is taken for markup', () => {
    const text = timelineMarkdown(
      timeline(
        start,
        end,
        { ...start, run: '2-2', script: '02-restore-on-host-1.sh', arguments: ['--also', 'a|`b'] },
        { ...start, run: '3-3', host: 'host-2', login: '4294967295' },
        { ...end, run: '3-3', host: 'host-2', status: 78, step: '6.1a', login: '4294967295' },
      ),
    );
    expect(text).toContain('- Plan acme-host-1, incident 1\n');
    expect(text).toContain('3 runs, 2 log-ins');
    expect(text).toContain('| done | 40 | 7 | 1000 | --apply |');
    expect(text).toContain('| interrupted, without an end | - | - | 1000 | --also a\\|\\`b |');
    expect(text).toContain('| status 78 in step 6.1a | 40 | 7 | - | --apply |');
  });
});

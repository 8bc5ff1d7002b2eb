// The rules of the comparison, as tables. Each is run by the jq that plan carries and, if there is one,
// by the jq of this machine, as triage.sh --compare does: both say the same.

import { spawnSync } from 'node:child_process';
import { describe, expect, test, vi } from 'vitest';
import { loadTemplates } from '../../../compiler/emit/templates.ts';
import { type Comparison, compareEvidence } from '../../../compiler/evidence/compare.ts';
import {
  type Evidence,
  evidenceObject,
  evidenceSchema,
} from '../../../compiler/evidence/schema.ts';
import { evidenceOf, snapshotOf } from './evidence.ts';

vi.setConfig({ testTimeout: 120_000 });

const program = loadTemplates().compare;
const now = Date.parse('2026-11-03T10:10:00Z') / 1000;
const hasJq = spawnSync('jq', ['--version']).status === 0;

async function compared(
  all: readonly (Evidence | string)[],
  without: readonly string[] = [],
): Promise<Comparison> {
  const files = all.map((each, index) => ({
    file: `${index + 1}.json`,
    text: typeof each === 'string' ? each : JSON.stringify(each),
  }));
  const found = await compareEvidence({ files, without, now, program });
  if (hasJq && all.every((each) => typeof each !== 'string')) {
    const input = files.map(({ file, text }) => ({ file, evidence: JSON.parse(text) }));
    const options = [
      '--argjson',
      'now',
      String(now),
      '--argjson',
      'without',
      JSON.stringify(without),
    ];
    const ran = spawnSync('jq', [...options, '--arg', 'preferred', '', program], {
      input: JSON.stringify(input),
      encoding: 'utf8',
    });
    expect(ran.stderr).toBe('');
    expect(JSON.parse(ran.stdout)).toEqual(found);
  }
  return found;
}

const stale = evidenceOf('s-1', { revision: 100, lastWrite: '2026-11-03T09:00:00Z' });
const fresh = evidenceOf('s-2', {
  revision: 300,
  lastWrite: '2026-11-03T09:04:00Z',
  time: '2026-11-03T10:01:00Z',
});

describe('the host that holds the most is recommended', () => {
  test('in any order of the files, with what each other one would lose', async () => {
    for (const files of [
      [stale, fresh],
      [fresh, stale],
    ]) {
      const { host, because, ranking, problems, lines } = await compared(files);
      expect(problems).toEqual([]);
      expect(host).toBe('s-2');
      expect(because).toBe(
        'it holds the most of the hosts compared, revision 300, raft index 350 (s-1 100)',
      );
      expect(ranking.map(({ host: id, loss }) => `${id}: ${loss}`)).toEqual([
        's-2: the same',
        's-1: 200 revisions less than s-2, about 4 minutes of writes',
      ]);
      expect(lines.at(-1)).toMatch(/^Recover on s-2: it holds the most/u);
    }
  });

  test('one file is enough: what a host has seen of another one counts', async () => {
    const seen = {
      's-2': { etcd: 'no-leader', revision: 300, raftIndex: 350, clusterId: 'aa' },
    } as const;
    const { host, ranking, problems } = await compared([evidenceOf('s-1', { seen })]);
    expect(problems).toEqual([]);
    expect(host).toBe('s-2');
    expect(ranking[0]?.source).toBe('seen from s-1');
  });

  test('of two with the same revision, the one with the later raft index', async () => {
    const { host, ranking, notes } = await compared([
      evidenceOf('s-1', { raftIndex: 500 }),
      evidenceOf('s-2', { raftIndex: 502 }),
    ]);
    expect(host).toBe('s-2');
    expect(ranking[1]?.loss).toBe('the same revision, with a raft index that is 2 lower');
    expect(notes.join()).not.toMatch(/a tie/u);
  });

  test('a tie is named', async () => {
    const { host, notes } = await compared([evidenceOf('s-2', {}), evidenceOf('s-1', {})]);
    expect(host).toBe('s-1');
    expect(notes).toContain('a tie: s-1, s-2 hold the same. Each can be the recovery host');
  });

  test('the newest evidence of a host counts; a copy counts while its data are unchanged', async () => {
    const lastWrite = '2026-11-03T09:00:00Z';
    const clusterId = 'aa';
    const copy = { state: 'copy', revision: 400, clusterId, lastWrite } as const;
    const stopped = { state: 'stopped', clusterId, lastWrite, raftIndexAtLeast: 380 } as const;
    const files = [
      evidenceOf('s-1', { data: copy, etcd: 'closed' }),
      evidenceOf('s-1', { data: stopped, etcd: 'closed', time: '2026-11-03T10:05:00Z' }),
      fresh,
    ];
    const { host, problems } = await compared(files);
    expect(problems).toEqual([]);
    expect(host).toBe('s-1');
    const written = { ...stopped, lastWrite: '2026-11-03T10:04:00Z' };
    const later = evidenceOf('s-1', {
      data: written,
      time: '2026-11-03T10:05:00Z',
      etcd: 'closed',
    });
    expect((await compared([files[0] ?? '', later, fresh])).host).toBeNull();
  });

  test.each([
    ['no time of the last write', {}, 'time unknown'],
    [
      'written to later, as at a start',
      { lastWrite: '2026-11-03T09:30:00Z' },
      'time unknown (its files were written to later)',
    ],
  ])('%s', async (_, more, words) => {
    const data = { state: 'copy', revision: 99, clusterId: 'aa', ...more } as const;
    const { ranking } = await compared([evidenceOf('s-1', { data, etcd: 'closed' }), fresh]);
    expect(ranking[1]?.loss).toBe(`201 revisions less than s-2, ${words}`);
  });

  test('problems of its own machine are named', async () => {
    const findings = [
      { level: 'problem', about: 'certificates', what: 'etcd-user.crt has expired' },
      { level: 'problem', about: 'hosts', what: 's-3 does not answer' },
      { level: 'ok', about: 'space', what: 'much is free' },
    ] as const;
    const { notes } = await compared([evidenceOf('s-1', { findings })]);
    expect(notes).toContain('on s-1: etcd-user.crt has expired');
    expect(notes.join()).not.toMatch(/s-3 does not answer|much is free/u);
  });

  test('hosts that gave no answer are named, and old evidence', async () => {
    const { host, notes } = await compared([stale, fresh]);
    expect(host).toBe('s-2');
    expect(notes.join()).toMatch(/no evidence of s-3, and no answer/u);
    const old = await compared([evidenceOf('s-1', { time: '2026-11-01T10:00:00Z' })]);
    expect(old.notes.join()).toMatch(/the newest evidence is 48 hours old/u);
  });
});

describe('nothing is recommended', () => {
  const stopped = { state: 'stopped', clusterId: 'aa' } as const;
  const up = { 's-3': { etcd: 'closed' } } as const;
  const cases: readonly (readonly [string, readonly (Evidence | string)[], RegExp])[] = [
    ['no file', [], /there is no evidence to compare/u],
    ['not JSON', [stale, '{"format": '], /^2\.json: it is not one JSON object/u],
    ['other JSON', [stale, '{"format": "plan/2"}'], /^2\.json: it is not evidence of triage\.sh/u],
    ['a list', [stale, '[]'], /^2\.json: it is not evidence/u],
    [
      'not as the schema says',
      [stale, JSON.stringify({ ...fresh, hosts: [] })],
      /^2\.json: hosts: /u,
    ],
    [
      'clusters of different names',
      [stale, evidenceOf('s-2', { cluster: 'other' })],
      /of different clusters \(acme, other\)/u,
    ],
    ['different CAs', [stale, evidenceOf('s-2', { ca: 'd' })], /different CAs/u],
    [
      'different etcd clusters, as after a restore',
      [stale, evidenceOf('s-2', { clusterId: 'bb', revision: 1_000_000_000 })],
      /different etcd clusters \(s-1 of aa, s-2 of bb\).*cannot be compared/u,
    ],
    [
      'a host has a leader',
      [stale, evidenceOf('s-2', { etcd: 'leader' })],
      /s-2 has a leader\. The quorum is not lost/u,
    ],
    [
      'evidence from before the loss',
      [
        evidenceOf('s-1', { etcd: 'leader', time: '2026-11-03T09:00:00Z' }),
        evidenceOf('s-2', { seen: { 's-1': { etcd: 'silent' } } }),
      ],
      /the evidence of s-1 is from before the loss/u,
    ],
    [
      'another day',
      [evidenceOf('s-1', { time: '2026-11-01T10:00:00Z' }), fresh],
      /the evidence of s-1 is 48 hours older than the newest/u,
    ],
    [
      'a host has moved on since',
      [
        stale,
        evidenceOf('s-2', {
          time: '2026-11-03T10:05:00Z',
          seen: { 's-1': { etcd: 'no-leader', revision: 120, clusterId: 'aa' } },
        }),
      ],
      /s-1 has moved on since 2026-11-03 10:00:00 UTC: revision 100 then, 120 later/u,
    ],
    [
      'its data were replaced',
      [stale, evidenceOf('s-1', { revision: 90, time: '2026-11-03T10:05:00Z' })],
      /s-1 held revision 100 before, and 90 at .* Its data were replaced/u,
    ],
    [
      'a stopped member',
      [evidenceOf('s-1', { data: stopped, etcd: 'closed' }), fresh],
      /s-1 is stopped, and its revision is not known\. Run bash triage\.sh --json --deep there/u,
    ],
    [
      'a stopped member that holds more',
      [evidenceOf('s-1', { data: { ...stopped, raftIndexAtLeast: 9000 }, etcd: 'closed' }), fresh],
      /It holds more than s-2, at least raft index 9000/u,
    ],
    [
      'data that were not read',
      [evidenceOf('s-1', { data: { state: 'unread' } }), fresh],
      /what s-1 holds was not read\. .*as root/u,
    ],
    [
      'a host that is up, without evidence',
      [stale, evidenceOf('s-2', { seen: up })],
      /s-3 is up, and there is no evidence of what it holds/u,
    ],
    [
      'no data anywhere',
      [evidenceOf('s-1', { data: { state: 'absent' }, etcd: 'closed' })],
      /no host and no snapshot holds data/u,
    ],
  ];
  test.each(cases)('%s', async (_, files, problem) => {
    const { host, because, snapshot, problems, lines } = await compared(files);
    expect(problems.filter((each) => problem.test(each))).toHaveLength(1);
    expect([host, because, snapshot]).toEqual([null, null, null]);
    expect(lines.at(-1)).toMatch(/^No recovery host is recommended/u);
  });

  test('unless a person leaves the host out', async () => {
    const files = [evidenceOf('s-1', { data: stopped, etcd: 'closed' }), fresh];
    const { host, notes } = await compared(files, ['s-1']);
    expect(host).toBe('s-2');
    expect(notes.join()).toMatch(/left out: s-1/u);
    const seen = await compared([stale, evidenceOf('s-2', { seen: up, revision: 300 })], ['s-3']);
    expect(seen.host).toBe('s-2');
  });

  test('the others are ranked all the same', async () => {
    const { ranking } = await compared([stale, fresh, '{']);
    expect(ranking.map(({ host }) => host)).toEqual(['s-2', 's-1']);
  });
});

describe('snapshots', () => {
  test('are ranked with the hosts, and lose what came after them', async () => {
    const { host, snapshot, snapshots } = await compared([
      evidenceOf('s-1', { snapshots: [snapshotOf(80)] }),
    ]);
    expect([host, snapshot]).toEqual(['s-1', null]);
    expect(snapshots.map(({ loss }) => loss)).toEqual([
      '20 revisions less than s-1, about 60 minutes of writes',
    ]);
  });

  test('one that holds more than every host is chosen with the host that has it', async () => {
    const absent = { state: 'absent' } as const;
    const { host, snapshot, because } = await compared([
      evidenceOf('s-1', { data: absent, etcd: 'closed', snapshots: [snapshotOf(80)] }),
    ]);
    expect([host, snapshot]).toEqual(['s-1', { path: '/backup/s.db', revision: 80 }]);
    expect(because).toBe('the snapshot there holds the most, revision 80');
    const more = await compared([
      evidenceOf('s-1', { snapshots: [snapshotOf(150)] }),
      evidenceOf('s-2', { revision: 120 }),
    ]);
    expect([more.host, more.snapshot?.revision]).toEqual(['s-1', 150]);
  });

  test.each([
    ['damaged', { checksum: 'bad' } as const],
    ['not read', { revision: undefined }],
    ['of no known cluster', { ca: undefined }],
  ])('%s ones do not count', async (_, changed) => {
    const odd = JSON.parse(JSON.stringify({ ...snapshotOf(900), ...changed }));
    const { host, snapshot, snapshots } = await compared([evidenceOf('s-1', { snapshots: [odd] })]);
    expect([host, snapshot, snapshots]).toEqual(['s-1', null, []]);
  });
});

test('the schema of the evidence is that of the object', () => {
  expect(evidenceObject.safeParse(fresh).success).toBe(true);
  expect(evidenceObject.safeParse({ ...fresh, odd: 1 }).success).toBe(false);
  expect(evidenceSchema().required).toContain('verdict');
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { HostState } from '../../compiler/hosts.ts';
import {
  assess,
  chooseRecovery,
  isDeclared,
  recoveryCandidates,
  threshold,
  type Voter,
} from '../../compiler/quorum.ts';

/** Hosts named host-1, host-2 ... with these states; null is not declared. */
function servers(...states: readonly (HostState | null)[]): readonly Voter[] {
  return states.map((state, i) => ({ id: `host-${i + 1}`, mode: 'server', state }));
}

function client(id: string, state: HostState | null): Voter {
  return { id, mode: 'client', state };
}

describe('assess', () => {
  test.each([
    [
      'five servers, three lost',
      servers('alive', 'lost', 'gone', 'returning', 'alive'),
      'N=5, quorum 3; lost 3, alive 2 < 3: lost',
    ],
    [
      'five servers, two lost',
      servers('alive', 'alive', 'alive', 'lost', 'lost'),
      'N=5, quorum 3; lost 2, alive 3 >= 3: kept',
    ],
    [
      'four servers, two lost: half is not enough',
      servers('alive', 'alive', 'lost', 'lost'),
      'N=4, quorum 3; lost 2, alive 2 < 3: lost',
    ],
    [
      'four servers, one lost',
      servers('alive', 'alive', 'alive', 'lost'),
      'N=4, quorum 3; lost 1, alive 3 >= 3: kept',
    ],
    ['two servers, one lost', servers('alive', 'gone'), 'N=2, quorum 2; lost 1, alive 1 < 2: lost'],
    [
      'one server, replaced: total loss',
      servers('replaced'),
      'N=1, quorum 1; lost 1, alive 0 < 1: lost',
    ],
    [
      'clients do not count',
      [...servers('alive', 'alive', 'alive'), client('c', 'gone')],
      'N=3, quorum 2; lost 0, alive 3 >= 2: kept',
    ],
    [
      'nothing declared',
      servers(null, null, null),
      'N=3, quorum 2; no losses declared, lost with 2 or more',
    ],
    [
      'nothing declared, even',
      servers(null, null, null, null),
      'N=4, quorum 3; no losses declared, lost with 2 or more',
    ],
  ])('%s', (_, hosts, want) => {
    expect(assess({ hosts }).words).toBe(want);
  });

  test('names the hosts in natural order', () => {
    const hosts = [...servers('alive', 'lost', 'gone')].reverse();
    const far: Voter = { id: 'host-10', mode: 'server', state: 'returning' };
    expect(assess({ hosts: [far, ...hosts] })).toMatchObject({
      servers: ['host-1', 'host-2', 'host-3', 'host-10'],
      lost: ['host-2', 'host-3', 'host-10'],
      alive: ['host-1'],
      threshold: 3,
      verdict: 'lost',
    });
  });
});

describe('the arithmetic', () => {
  test('the threshold is the least number that is more than half', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000 }), (n) => {
        expect(threshold(n)).toBeGreaterThan(n / 2);
        expect(threshold(n) - 1).toBeLessThanOrEqual(n / 2);
      }),
    );
  });

  test('lost and alive together are all, and lost exactly when alive is under the threshold', () => {
    const state = fc.constantFrom<HostState>('alive', 'returning', 'replaced', 'gone', 'lost');
    fc.assert(
      fc.property(fc.array(state, { minLength: 1, maxLength: 9 }), (states) => {
        const { lost, alive, servers: all, verdict } = assess({ hosts: servers(...states) });
        expect([...lost, ...alive].sort()).toEqual([...all].sort());
        const survivors = states.filter((each) => each === 'alive').length;
        expect(verdict).toBe(survivors * 2 > states.length ? 'kept' : 'lost');
      }),
    );
  });
});

describe('chooseRecovery', () => {
  const none = { host: null };
  test.each([
    ['the first alive', servers('lost', 'alive', 'alive'), none, 'host-2'],
    ['before replaced ones', servers('replaced', 'alive', 'gone'), none, 'host-2'],
    [
      'a replaced one where none is alive',
      servers('gone', 'replaced', 'returning'),
      none,
      'host-2',
    ],
    ['nobody', servers('gone', 'lost', 'returning'), none, undefined],
    ['the named one', servers('alive', 'alive', 'lost', 'lost'), { host: 'host-2' }, 'host-2'],
    ['never a client', [client('a', 'alive'), ...servers('alive', 'lost')], none, 'host-1'],
  ])('%s', (_, hosts, recovery, want) => {
    expect(chooseRecovery({ hosts, recovery })?.host).toBe(want);
  });

  test.each([
    ['named', servers('alive', 'lost', 'lost'), { host: 'host-1' }, /^named in the inventory$/u],
    [
      'named',
      servers('alive', 'lost', 'lost'),
      { host: 'host-1', because: 'it holds the most' },
      /^it holds the most$/u,
    ],
    ['only', servers('alive', 'lost', 'lost'), none, /^the only server host that is alive$/u],
    [
      'order',
      servers('alive', 'alive', 'lost', 'lost', 'lost'),
      none,
      /^the first .* in the order of ids, and not by what it holds; run triage\.sh/u,
    ],
    ['replaced', servers('gone', 'replaced'), none, /new machine/u],
  ])('says how and why: %s', (chosen, hosts, recovery, because) => {
    const choice = chooseRecovery({ hosts, recovery });
    expect(choice?.chosen).toBe(chosen);
    expect(choice?.because).toMatch(because);
  });
});

test('a state anywhere is a declaration', () => {
  expect(isDeclared({ hosts: servers(null, null) })).toBe(false);
  expect(isDeclared({ hosts: servers(null, 'alive') })).toBe(true);
});

describe('recoveryCandidates', () => {
  const candidates = (hosts: readonly Voter[], host: string | null) =>
    recoveryCandidates({ hosts, recovery: { host } }).map((each) => each.host);

  test('before an incident: every server host, or the one named', () => {
    const hosts = [client('host-0', null), ...servers(null, null, null)];
    expect(candidates(hosts, null)).toEqual(['host-1', 'host-2', 'host-3']);
    expect(candidates(hosts, 'host-2')).toEqual(['host-2']);
  });

  test('at the incident: the one chosen, if any', () => {
    expect(candidates(servers('gone', 'alive', 'lost'), null)).toEqual(['host-2']);
    expect(candidates(servers('gone', 'gone', 'lost'), null)).toEqual([]);
  });
});

// Turns the recordings of the real Control Plane into a test of the stand-in: it is led through
// each recorded story and must answer with the recorded status, headers, shapes and words.

import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { buildTools } from '../tools/build.ts';
import { type Answer, differences, type Names, type Recorded } from './fidelity-compare.ts';
import * as world from './fidelity-hosts.ts';
import { buildStandIn } from './stand-in/build.ts';

/** What has to be done to the hosts before the first exchange whose note begins so. */
type Turns = Readonly<Record<string, (hosts: world.Hosts) => Promise<void>>>;

const all = ['host-1', 'host-2', 'host-3'] as const;

const startAll = async (hosts: world.Hosts): Promise<void> => {
  await Promise.all(all.map((host) => world.start(hosts, host)));
  await Promise.all(all.map((host) => world.listening(hosts, host)));
};

const loseTwo = async (hosts: world.Hosts): Promise<void> => {
  await world.saveSnapshot(hosts);
  await Promise.all([world.kill(hosts, 'host-2'), world.kill(hosts, 'host-3')]);
};

/** The story of 0.6.2, 0.8.1 and 0.10: init, joins, loss, restore, removals, rejoin. */
const recovery: Turns = {
  uninitialized: startAll,
  'without quorum': loseTwo,
  'after the restore': async (hosts) => {
    // With the two requests that got no answer: the lost hosts' last words are 30 s old by now.
    await sleep(12_000);
    await world.restore(hosts, '1');
  },
  'cleared host, started': async (hosts) => {
    await world.clear(hosts, 'host-2');
    await world.start(hosts, 'host-2');
    await world.listening(hosts, 'host-2');
  },
  'two voters, one stopped': (hosts) => world.kill(hosts, 'host-2'),
};

/** The story of 0.9.0-databases: a database on three hosts, the deadlock, remove_host, reattachment. */
const databases: Turns = {
  'create a database': async (hosts) => {
    await startAll(hosts);
    const token = (await world.ask(hosts, 'host-1', 'GET', '/v1/cluster/init')).text;
    for (const host of ['host-2', 'host-3']) {
      const joined = await world.ask(hosts, host, 'POST', '/v1/cluster/join', token);
      if (joined.status !== 204) throw new Error(`${host} did not join: ${joined.text}`);
    }
  },
  'restored (1)': async (hosts) => {
    await loseTwo(hosts);
    await world.restore(hosts, '1');
  },
  'restored (2)': (hosts) => world.restore(hosts, '2'),
  'restored (3)': (hosts) => world.restore(hosts, '3'),
  'reattach:': (hosts) => world.reattach(hosts, 'host-2'),
};

const stories = [
  { name: '0.6.2', generation: '0.6', turns: recovery, environment: {} },
  { name: '0.8.1', generation: '0.9', turns: recovery, environment: {} },
  { name: '0.10', generation: '0.9', turns: recovery, environment: {} },
  {
    name: '0.9.0-databases',
    generation: '0.9',
    turns: databases,
    // The recorded machines had no Postgres image: creating and updating db1 failed.
    environment: { PLAN_LAB_FAIL_CREATE: 'db1', PLAN_LAB_FAIL_UPDATE: 'db1' },
  },
] as const;

/** A state that comes without a call (a task's next state, a host that reads unreachable) may take this. */
const comesWithin = 45_000;

/** How long "still running" is watched: the recording's 60 s in short. */
const staysFor = 5_000;

type Outcome = { readonly compared: number; readonly differing: readonly string[] };

async function tell(
  story: (typeof stories)[number],
  hosts: world.Hosts,
  recording: readonly Recorded[],
): Promise<Outcome> {
  const names: Names = new Map();
  const waiting = new Map(Object.entries<Turns[string]>(story.turns));
  const differing: string[] = [];
  for (const [index, recorded] of recording.entries()) {
    for (const [note, turn] of [...waiting]) {
      if (!recorded.note.startsWith(note)) continue;
      waiting.delete(note);
      await turn(hosts);
    }
    if (recorded.note.includes('still running')) await sleep(staysFor);
    const found = await settle(hosts, recorded, names);
    for (const line of found) {
      differing.push(`${story.name} #${index} (${recorded.note}) ${recorded.method} ${line}`);
    }
    if (found.length > 0) differing.push('');
  }
  if (waiting.size > 0) throw new Error(`${story.name}: never came to ${[...waiting.keys()]}`);
  return { compared: recording.length, differing };
}

/** Asks until the answer is as recorded; only what changes nothing is asked more than once. */
async function settle(
  hosts: world.Hosts,
  recorded: Recorded,
  names: Names,
): Promise<readonly string[]> {
  const { method, host } = recorded;
  const path = translate(recorded.path, names);
  const body =
    recorded.request === undefined
      ? recorded.request_raw
      : translate(JSON.stringify(recorded.request), names);
  const repeatable = method === 'GET' && !/\/(init|cancel)$/.test(path);
  const deadline = Date.now() + comesWithin;
  for (;;) {
    const asked = body === undefined ? body : withAddresses(body, hosts);
    const answer: Answer = await world.ask(hosts, host, method, path, asked);
    const learned: Names = new Map(names);
    const found = differences(recorded, answer, learned);
    if (found.length === 0) {
      for (const [name, value] of learned) names.set(name, value);
      return [];
    }
    if (!repeatable || Date.now() > deadline) {
      for (const [name, value] of learned) names.set(name, value);
      return found.map((line) => `${path}: ${line}`);
    }
    await sleep(20);
  }
}

/** The recording's ids and tokens in text, replaced by the stand-in's. */
function translate(text: string, names: Names): string {
  let translated = text;
  for (const [recorded, own] of names) {
    translated = translated.replaceAll(recorded, own);
    // The wrong token of the recordings is the right one with other last characters.
    const stem = recorded.slice(0, -4);
    if (recorded.startsWith('PGEDGE-')) {
      translated = translated.replaceAll(`${stem}0000`, `${own.slice(0, -4)}0000`);
    }
  }
  return translated;
}

/** The recorded address of host-1's API, replaced by the stand-in's. */
function withAddresses(body: string, hosts: world.Hosts): string {
  return body.replaceAll(
    /http:\/\/10\.\d+\.\d+\.1:3000/g,
    `http://127.0.0.1:${hosts.firstPort + 10}`,
  );
}

// A real Control Plane, named with the story it can tell, shows that the test itself is right.
const binary = process.env.PLAN_LAB_CONTROL_PLANE ?? (await buildStandIn());
const tools = await buildTools();
const wanted = process.argv.slice(2);
const chosen = stories.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
// Below the range the kernel gives to clients; another run on this machine gets other ports.
const base = 20_000 + (process.pid % 60) * 200;
const outcomes = await Promise.all(
  chosen.map(async (story, index): Promise<Outcome> => {
    const recordings = new URL('../fixtures/recordings/', import.meta.url);
    const path = fileURLToPath(new URL(`${story.name}.json`, recordings));
    const hosts = await world.makeHosts({
      ...{ binary, tools, generation: story.generation, environment: story.environment },
      firstPort: base + index * 50,
    });
    try {
      return await tell(story, hosts, JSON.parse(await readFile(path, 'utf8')));
    } finally {
      await world.removeHosts(hosts);
    }
  }),
);
for (const { differing } of outcomes) for (const line of differing) console.log(line);
const compared = outcomes.reduce((sum, one) => sum + one.compared, 0);
const differ = outcomes.reduce((sum, one) => sum + one.differing.filter((l) => l === '').length, 0);
console.log(
  `fidelity: ${compared - differ} passed, ${differ} failed, of ${compared} answers compared`,
);
process.exitCode = differ === 0 && compared > 0 ? 0 : 1;

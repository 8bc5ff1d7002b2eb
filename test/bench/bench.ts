// How long compiling takes, and how much memory: printed as ratios, judged by people.
//
// npm run bench [-- ROUNDS]. Complete processes of the built program, medians over the rounds. The
// machine should have nothing else to do.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const home = fileURLToPath(new URL('../../', import.meta.url));
const cli = join(home, 'dist/cli.js');
const rounds = Number(process.argv[2] ?? 7);
const place = mkdtempSync(join(tmpdir(), 'plan bench '));

interface Cost {
  /** From start to end, by the clock. */
  readonly seconds: number;
  /** Of the processor: of the user and of the system. */
  readonly busy: number;
  readonly mebibytes: number;
}

// Written to a descriptor of its own at the very end, when the peak is known.
const probe = `data:text/javascript,${encodeURIComponent(
  "import { writeSync } from 'node:fs'; process.on('exit', () => { const u = process.resourceUsage(); writeSync(3, JSON.stringify([u.maxRSS, u.userCPUTime + u.systemCPUTime])); });",
)}`;

function run(args: readonly string[]): Cost {
  const began = process.hrtime.bigint();
  const ran = spawnSync(process.execPath, ['--import', probe, ...args], {
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    cwd: home,
    maxBuffer: 1 << 26,
  });
  const seconds = Number(process.hrtime.bigint() - began) / 1e9;
  if (ran.status !== 0) throw new Error(`${args.join(' ')}: ${ran.stderr.toString()}`);
  const [kibibytes, microseconds] = JSON.parse(String(ran.output[3])) as readonly [number, number];
  return { seconds, busy: microseconds / 1e6, mebibytes: kibibytes / 1024 };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

function measure(times: number, args: () => readonly string[]): Cost {
  const costs = Array.from({ length: times }, () => run(args()));
  return {
    seconds: median(costs.map(({ seconds }) => seconds)),
    busy: median(costs.map(({ busy }) => busy)),
    mebibytes: Math.max(...costs.map(({ mebibytes }) => mebibytes)),
  };
}

let made = 0;
function compile(inventory: string, ...options: readonly string[]): () => readonly string[] {
  return () => {
    made += 1;
    return [cli, 'compile', inventory, '--out', join(place, `bundle-${made}`), ...options];
  };
}

/** Three server hosts, two of them lost, and so many client hosts that survived. */
function cluster(clients: number): string {
  const servers = [1, 2, 3].map((n) => ({
    id: `host-${n}`,
    addresses: [`10.0.0.${n}`],
    mode: 'server',
    state: n === 1 ? 'alive' : 'returning',
  }));
  const others = Array.from({ length: clients }, (_, n) => ({
    id: `client-${n + 1}`,
    addresses: [`10.1.${n >> 8}.${n & 255}`],
    mode: 'client',
    state: 'alive',
  }));
  const path = join(place, `clients-${clients}.json`);
  writeFileSync(path, JSON.stringify({ cluster: 'bench', hosts: [...servers, ...others] }));
  return path;
}

function row(name: string, cost: Cost, rest = ''): void {
  const seconds = cost.seconds.toFixed(2).padStart(8);
  const busy = cost.busy.toFixed(2).padStart(7);
  const memory = cost.mebibytes.toFixed(0).padStart(6);
  process.stdout.write(`${name.padEnd(40)}${seconds} s ${busy} s${memory} MiB  ${rest}\n`);
}

try {
  const build = spawnSync('npm', ['run', '--silent', 'build'], { cwd: home, encoding: 'utf8' });
  if (build.status !== 0) throw new Error(build.stdout);
  process.stdout.write(
    `Node ${process.version}, ${availableParallelism()} processors, median of ${rounds} rounds\n\n` +
      `${''.padEnd(40)}   clock processor   peak\n`,
  );
  // Where the dependencies can be resolved from, and git does not look.
  const bare = join(home, 'dist/bare.js');
  const loaded = ['commander', 'zod', 'handlebars', 'jsonc-parser'];
  writeFileSync(bare, loaded.map((name) => `import '${name}';\n`).join(''));
  const base = measure(rounds, () => [bare]);
  row('bare node that loads the dependencies', base);

  const three = join(home, 'generated/three-servers-two-lost/inventory.json');
  const unchecked = measure(rounds, compile(three, '--no-lint'));
  const time = (unchecked.seconds / base.seconds).toFixed(2);
  const busy = (unchecked.busy / base.busy).toFixed(2);
  const memory = (unchecked.mebibytes / base.mebibytes).toFixed(2);
  row(
    'three servers, without checks',
    unchecked,
    `${time} times (processor ${busy}, memory ${memory}; goal: 2)`,
  );
  row(
    'three servers, with all checks',
    measure(1, compile(three)),
    'ShellCheck reads every script',
  );
  process.stdout.write('\n');

  for (const clients of [10, 100, 1000]) {
    const cost = measure(clients === 1000 ? 3 : rounds, compile(cluster(clients), '--no-lint'));
    const each = ((cost.seconds - unchecked.seconds) / clients) * 1000;
    const goal = clients === 1000 ? ' (goal: 3 s, 256 MiB)' : '';
    row(`${clients} client hosts, without checks`, cost, `${each.toFixed(2)} ms for each${goal}`);
  }
} finally {
  rmSync(place, { recursive: true });
}

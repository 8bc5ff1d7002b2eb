// What is there -> whether it is a bundle as stated by its SHA256SUMS, complete or for some of its hosts.

import { manifestName, readManifest, signatureName } from '../bundle/bundle.ts';
import { type Diagnostic, diagnostic } from '../diagnostic.ts';
import type { HostId } from '../hosts.ts';
import type { Plan } from '../plan/ir.ts';
import { executionOrder } from '../plan/order.ts';
import { readPlan } from '../plan/read.ts';
import { sha256 } from '../sha256.ts';
import type { Seen } from './seen.ts';

/** A bundle that was looked at. */
export interface Judged {
  /** The sha256 of SHA256SUMS. */
  readonly manifest: string;
  readonly cluster: string;
  /** Every host of the cluster, in the order of the plan. */
  readonly hosts: readonly HostId[];
  /** The hosts whose scripts are there, and those whose scripts are not. */
  readonly present: readonly HostId[];
  readonly absent: readonly HostId[];
  /** By path of a script, the host that it runs on. */
  readonly scripts: ReadonlyMap<string, HostId>;
  /** Each path that SHA256SUMS lists and that is there. */
  readonly paths: readonly string[];
}

/** `judged` is null if it could not be judged. */
export interface Judgement {
  readonly judged: Judged | null;
  readonly diagnostics: readonly Diagnostic[];
}

/** Compares what is there with SHA256SUMS. `name` is the directory or archive, for diagnostics. */
export function judge(name: string, { files, texts }: Seen): Judgement {
  const report = reporter(name);
  const text = texts.get(manifestName);
  const sums = text === undefined ? null : readManifest(text);
  if (text === undefined || sums === null) {
    return unjudged(report('BUN030', `there is no ${manifestName} of a bundle in ${name}`));
  }
  const stated = new Map(sums.map((sum) => [sum.path, sum.sha256]));
  const isAsStated = (path: string) => files.get(path)?.sha256 === stated.get(path);
  const plans = plansOf(
    [...stated.keys()].filter((path) => isAsStated(path)),
    texts,
  );
  const [[, plan] = []] = plans;
  if (plan === undefined) {
    return unjudged(report('BUN030', `${name} has no plan.json as stated in ${manifestName}`));
  }
  const scripts = new Map(plans.flatMap(([folder, each]) => scriptsOf(folder, each)));
  const present = new Set([...scripts].filter(([path]) => files.has(path)).map(([, host]) => host));
  const missing = [...stated.keys()].filter((path) => !files.has(path));
  // Only all scripts of a machine together can be absent: then they were not packed.
  const isAbsent = (path: string) => {
    const host = scripts.get(path);
    return host !== undefined && present.size > 0 && !present.has(host);
  };
  const changed = [...stated.keys()].filter((path) => files.has(path) && !isAsStated(path));
  const extra = [...files.keys()].filter(
    (path) => !stated.has(path) && path !== manifestName && path !== signatureName,
  );
  const diagnostics = [
    ...changed.map((path) =>
      report(
        'BUN031',
        `${path} is sha256:${files.get(path)?.sha256}, not sha256:${stated.get(path)} (${manifestName})`,
      ),
    ),
    ...missing
      .filter((path) => !isAbsent(path))
      .map((path) => report('BUN032', `${path} is missing`)),
    ...extra.map((path) => report('BUN033', `${path} is not listed in ${manifestName}`)),
    ...[...files]
      .filter(([path, file]) => file.executable !== isExecutable(path))
      .map(([path, file]) =>
        report('BUN034', `${path} is ${file.executable ? '' : 'not '}executable`),
      ),
  ];
  const hosts = plan.cluster.hosts.map(({ id }) => id);
  const withScripts = new Set(scripts.values());
  const judged = {
    manifest: sha256(text),
    cluster: plan.cluster.name,
    hosts,
    present: hosts.filter((host) => present.has(host)),
    absent: hosts.filter((host) => withScripts.has(host) && !present.has(host)),
    scripts,
    paths: [...stated.keys()].filter((path) => files.has(path)).sort(inBytes),
  };
  return { judged, diagnostics };
}

/** The order of paths in an archive. */
export function inBytes(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Scripts and tools are executable, other files are not. */
export function isExecutable(path: string): boolean {
  return path.endsWith('.sh') || /^tools\/[^/]+\/[^/]+$/u.test(path);
}

/** The plans that are as stated, each with its folder: one, or before an incident one for each host. */
function plansOf(
  paths: readonly string[],
  texts: Seen['texts'],
): readonly (readonly [string, Plan])[] {
  return paths.flatMap((path) => {
    const [, folder] = /^((?:[^/]+\/)?)plan\.json$/u.exec(path) ?? [];
    const text = texts.get(path);
    if (folder === undefined || text === undefined) return [];
    const read = readPlan(text, path);
    return read.ok ? [[folder, read.plan] as const] : [];
  });
}

function scriptsOf(folder: string, plan: Plan): readonly (readonly [string, HostId])[] {
  return [...executionOrder(plan), ...plan.asides].map(({ path, host }) => [
    `${folder}${path}`,
    host,
  ]);
}

function unjudged(problem: Diagnostic): Judgement {
  return { judged: null, diagnostics: [problem] };
}

const advice = {
  BUN030: [
    'Without it nothing shows which files are part of the bundle.',
    'Give a directory that "plan compile" wrote, or an archive that "plan pack" wrote.',
  ],
  BUN031: [
    'It is not the file that was compiled and reviewed.',
    'Do not use it. Copy the reviewed bundle again.',
  ],
  BUN032: ['The bundle is incomplete.', 'Copy the reviewed bundle again.'],
  BUN033: [
    'It was not reviewed with the bundle and could be run by mistake.',
    'Remove it from the bundle.',
  ],
  BUN034: [
    'Scripts and tools are executable, other files are not.',
    'Copy the bundle with its file modes.',
  ],
} as const;

function reporter(file: string): (code: keyof typeof advice, what: string) => Diagnostic {
  return (code, what) => {
    const [why, remedy] = advice[code];
    return diagnostic(code, { file, position: null }, { what, why, remedy });
  };
}

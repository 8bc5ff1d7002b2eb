// A directory -> whether it is a bundle of ours, and which of its paths can be ours.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { planDigest } from '../plan/digest.ts';
import { bundledTools, toolPath } from '../tools/tool.ts';
import { choiceNames, planNames } from './bundle.ts';
import { isFile } from './tree.ts';

/**
 * The paths that the bundle in a directory can have, or why it is no bundle. A bundle is known by its
 * plan.json, which states its own digest: the root has one, or before an incident the folder of each
 * recovery host. SHA256SUMS proves nothing, because any directory can have one.
 */
export function bundlePaths(directory: string): ReadonlySet<string> | string {
  if (isFile(join(directory, 'plan.json'))) {
    const paths = pathsOfPlan(join(directory, 'plan.json'));
    return typeof paths === 'string' ? paths : new Set([...paths.own, ...paths.tools]);
  }
  const folders = readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && isFile(join(directory, entry.name, 'plan.json')))
    .map(({ name }) => name);
  if (folders.length === 0) return 'it has no plan.json';
  const all = new Set<string>(choiceNames);
  for (const folder of folders) {
    const paths = pathsOfPlan(join(directory, folder, 'plan.json'), folder);
    if (typeof paths === 'string') return `${folder}/${paths}`;
    for (const path of paths.own) all.add(`${folder}/${path}`);
    // The tools are there once, next to the folders.
    for (const path of paths.tools) all.add(path);
  }
  return all;
}

/** The paths that a plan gives its bundle. */
interface Paths {
  readonly own: readonly string[];
  readonly tools: readonly string[];
}

/**
 * The paths in the bundle of a plan of any version, or why the file is no plan. With a host, the plan is
 * one of several for before an incident: a directory that only contains a bundle is none.
 */
function pathsOfPlan(file: string, host?: string): Paths | string {
  const plan = jsonIn(file);
  const { format, digest, phases, asides, tools, recovery, quorum } = membersOf(plan);
  if (typeof format !== 'string' || !/^plan\/[0-9]+$/u.test(format)) {
    return 'plan.json is not a plan';
  }
  if (typeof digest !== 'string') return `plan.json is of an older version (${format})`;
  if (digest !== planDigest(membersOf(plan))) {
    return 'plan.json does not have the digest that it states';
  }
  const isOneOfSeveral = membersOf(quorum).verdict === 'unknown';
  if (host !== undefined && !(isOneOfSeveral && membersOf(recovery).host === host)) {
    return 'plan.json is of another bundle';
  }
  const turns = [
    ...listOf(phases).flatMap((each) => listOf(membersOf(each).turns)),
    ...listOf(asides),
  ];
  const scripts = turns.map((turn) => membersOf(turn).path);
  const known = bundledTools.safeParse(tools);
  return {
    own: [...planNames, ...scripts.filter((path) => typeof path === 'string')],
    tools: known.success ? known.data.map(toolPath) : [],
  };
}

function jsonIn(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return null;
  }
}

function membersOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

// A tool -> its version: from the program itself where it can run here, otherwise from its file.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Architecture, ToolName } from './tool.ts';

/** A version, and whether the program was run to find it. */
export interface FoundVersion {
  readonly version: string;
  readonly ran: boolean;
}

/** Milliseconds and bytes: a program that prints its version needs far less. */
const patience = 10_000;
const mostOutput = 64 * 1024;

/** How each tool is asked, and how it answers. */
const questions: Readonly<
  Record<ToolName, { readonly argument: string; readonly answer: RegExp }>
> = {
  etcd: { argument: '--version', answer: /^etcd Version: (\d+\.\d+\.\d+)/mu },
  etcdctl: { argument: 'version', answer: /^etcdctl version: (\d+\.\d+\.\d+)/mu },
  etcdutl: { argument: 'version', answer: /^etcdutl version: (\d+\.\d+\.\d+)/mu },
  jq: { argument: '--version', answer: /^jq-(\d+(?:\.\d+)+)/mu },
};

/** The version of a tool, or why it cannot be found out. */
export function versionOf(
  name: ToolName,
  architecture: Architecture,
  bytes: Buffer,
): FoundVersion | string {
  const here = { x64: 'amd64', arm64: 'arm64' }[process.arch as string];
  if (process.platform === 'linux' && here === architecture) return run(name, bytes);
  const version = searched(name, bytes);
  return version === null
    ? `it is for ${architecture} and cannot be run here, and its file does not state its version clearly`
    : { version, ran: false };
}

/** Runs exactly the bytes that were read, from a directory of its own, without environment and input. */
function run(name: ToolName, bytes: Buffer): FoundVersion | string {
  const { argument, answer } = questions[name];
  const folder = mkdtempSync(join(tmpdir(), 'plan-tool-'));
  try {
    const program = join(folder, name);
    writeFileSync(program, bytes, { mode: 0o700 });
    const ran = spawnSync(program, [argument], {
      cwd: folder,
      env: {},
      stdio: ['ignore', 'pipe', 'pipe'],
      encoding: 'utf8',
      timeout: patience,
      killSignal: 'SIGKILL',
      maxBuffer: mostOutput,
    });
    // A temporary directory may be mounted noexec. Then the file is read, as for another machine.
    if (ran.error !== undefined && 'code' in ran.error && ran.error.code === 'EACCES') {
      const version = searched(name, bytes);
      return version === null ? `${folder} cannot run programs` : { version, ran: false };
    }
    const version = answer.exec(ran.stdout ?? '')?.[1];
    if (ran.status === 0 && version !== undefined) return { version, ran: true };
    const said = `${ran.stdout ?? ''}${ran.stderr ?? ''}`.trim().split('\n')[0] ?? '';
    const end = ran.error?.message ?? `status ${ran.status ?? ran.signal}`;
    return `"${name} ${argument}" ended with ${end}${said === '' ? '' : `: ${said.slice(0, 200)}`}`;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * The version that the file states. Go programs carry the versions of their modules, and jq its own
 * version as a text between two NUL bytes. Null if there is none, or several that differ.
 */
export function searched(name: ToolName, bytes: Buffer): string | null {
  const text = bytes.toString('latin1');
  const form =
    name === 'jq'
      ? /\0(?:jq-)?(1\.\d{1,2}(?:\.\d{1,2})?)(?=\0)/gu
      : /\tgo\.etcd\.io\/etcd\/api\/v3\tv(\d+\.\d+\.\d+)[\t\n]/gu;
  const found = new Set([...text.matchAll(form)].map(([, version = '']) => version));
  return found.size === 1 ? ([...found][0] ?? null) : null;
}

/** Whether a version of a tool can be used: etcd's tools 3.6, jq 1.6 or newer. */
export function isUsable(name: ToolName, version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (name !== 'jq') return major === 3 && minor === 6;
  return major > 1 || (major === 1 && minor >= 6);
}

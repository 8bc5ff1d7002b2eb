// A directory of released tools -> the tools for the bundle, or all that is wrong with them.

import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Code } from '../codes.ts';
import { type Diagnostic, diagnostic, hasErrors } from '../diagnostic.ts';
import { sha256 } from '../sha256.ts';
import { readElf } from './elf.ts';
import {
  type Architecture,
  type BundledTool,
  type ToolFile,
  type ToolName,
  toolNames,
  toolPath,
} from './tool.ts';
import { isUsable, versionOf } from './version.ts';

/** A tool and where it was found. */
export interface FoundTool extends BundledTool {
  readonly file: string;
  /** Whether it was run to find its version. */
  readonly ran: boolean;
}

/** The tools that go into a bundle; none if there are errors. */
export interface Inspected {
  readonly tools: readonly FoundTool[];
  readonly diagnostics: readonly Diagnostic[];
}

/** Bytes. A release of etcd has about 30 million. */
const largest = 256 * 1024 * 1024;
/** Directories of releases are not deeper, and have fewer files. */
const deepest = 4;
const mostEntries = 10_000;

/** `etcdctl`, and jq as it is released: `jq-linux-amd64`, `jq-linux64`. */
const nameForm = /^(etcd|etcdctl|etcdutl|jq)(?:-linux-?(?:amd64|x86_64|64|arm64|aarch64))?$/u;

/** Finds and checks the tools in a directory. Links are not followed; other files are left alone. */
export function inspectTools(directory: string): Inspected {
  const paths = candidates(directory);
  if ('code' in paths) return { tools: [], diagnostics: [paths] };
  const looked = paths.map(({ path, name }) => inspect(path, name));
  const found = looked.flatMap((each) => ('tool' in each ? [each.tool] : []));
  const diagnostics = [
    ...looked.flatMap((each) => each.diagnostics),
    ...ambiguous(found),
    ...(looked.some((each) => hasErrors(each.diagnostics)) ? [] : incomplete(directory, found)),
  ];
  const tools = new Map(found.map((tool) => [toolPath(tool), tool]));
  const sorted = [...tools].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, tool]) => tool);
  return { tools: hasErrors(diagnostics) ? [] : sorted, diagnostics };
}

/** The tools as the plan has them. */
export function asPlanned(tools: readonly FoundTool[]): readonly BundledTool[] {
  return tools.map(({ name, architecture, version, sha256 }) => ({
    name,
    architecture,
    version,
    sha256,
  }));
}

/** The files of the tools. Throws if one is no longer what was inspected. */
export function* toolFiles(tools: readonly FoundTool[]): Generator<ToolFile> {
  for (const tool of tools) {
    const bytes = readTool(tool.file);
    if (typeof bytes === 'string') throw new Error(`${tool.file}: ${bytes}`);
    if (sha256(bytes) !== tool.sha256) throw new Error(`${tool.file} was changed in the meantime`);
    yield { path: toolPath(tool), mode: 0o755, bytes };
  }
}

/**
 * The tools of a plan next to its plan.json; in a bundle for before an incident they are next to its
 * folder. Each must have the sum that the plan states.
 */
export function plannedTools(folder: string, tools: readonly BundledTool[]): Inspected {
  const looked = tools.map((tool): FoundTool | Diagnostic => {
    const path = toolPath(tool);
    const places = [join(folder, path), join(folder, '..', path)];
    for (const file of places) {
      const bytes = readTool(file);
      if (typeof bytes === 'string') continue;
      if (sha256(bytes) === tool.sha256) return { ...tool, file, ran: false };
      return problem('TOOL009', file, `the plan states sha256:${tool.sha256} for ${path}`);
    }
    return problem('TOOL009', places[0] ?? path, `${path} of the plan is not there`);
  });
  return {
    tools: looked.flatMap((each) => ('code' in each ? [] : [each])),
    diagnostics: looked.flatMap((each) => ('code' in each ? [each] : [])),
  };
}

type Candidate = { readonly path: string; readonly name: ToolName };

/** Everything that has the name of a tool and is no directory. */
function candidates(directory: string): readonly Candidate[] | Diagnostic {
  const found: Candidate[] = [];
  let entries = 0;
  const walk = (folder: string, depth: number): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      entries += 1;
      if (entries > mostEntries) throw new Error(`more than ${mostEntries} files`);
      const path = join(folder, entry.name);
      const name = nameForm.exec(entry.name)?.[1] as ToolName | undefined;
      if (entry.isDirectory()) {
        if (depth < deepest) walk(path, depth + 1);
      } else if (name !== undefined) {
        found.push({ path, name });
      }
    }
  };
  try {
    if (!statSync(directory).isDirectory()) throw new Error('it is not a directory');
    walk(directory, 0);
  } catch (error) {
    const because = error instanceof Error ? error.message : String(error);
    return problem('TOOL001', directory, `the tools in ${directory} cannot be read: ${because}`);
  }
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** One file that has the name of a tool. */
function inspect(
  file: string,
  name: ToolName,
):
  | { readonly diagnostics: readonly Diagnostic[] }
  | {
      readonly diagnostics: readonly Diagnostic[];
      readonly tool: FoundTool;
    } {
  const bytes = readTool(file);
  if (typeof bytes === 'string') {
    return { diagnostics: [problem('TOOL003', file, `${name} cannot be used: ${bytes}`)] };
  }
  const elf = readElf(bytes);
  if (typeof elf === 'string') {
    return { diagnostics: [problem('TOOL004', file, `${name} cannot be used: ${elf}`)] };
  }
  const { architecture, needed } = elf;
  const found = versionOf(name, architecture, bytes);
  if (typeof found === 'string') {
    return {
      diagnostics: [problem('TOOL007', file, `the version of ${name} is not known: ${found}`)],
    };
  }
  if (!isUsable(name, found.version)) {
    const wanted = name === 'jq' ? '1.6 or newer' : '3.6';
    const what = `${name} is ${found.version}, and ${wanted} is needed`;
    return { diagnostics: [problem('TOOL006', file, what)] };
  }
  const tool = { name, architecture, ...found, sha256: sha256(bytes), file };
  const libraries = needed.join(', ');
  const warning = problem('TOOL008', file, `${name} for ${architecture} needs ${libraries}`);
  return { diagnostics: needed.length > 0 ? [warning] : [], tool };
}

/** The bytes of a regular file, or why it has none. It is opened once, so that nothing can replace it. */
function readTool(file: string): Buffer | string {
  let descriptor: number;
  try {
    const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
    descriptor = openSync(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    return code === 'ELOOP' ? 'it is a symbolic link' : `it cannot be opened (${code})`;
  }
  try {
    const status = fstatSync(descriptor);
    if (!status.isFile()) return 'it is not a regular file';
    if (status.size > largest) return `it has ${status.size} bytes, and ${largest} is the limit`;
    return readFileSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** The same tool twice for one architecture, and not the same file. */
function ambiguous(found: readonly FoundTool[]): readonly Diagnostic[] {
  const first = new Map<string, FoundTool>();
  return found.flatMap((tool) => {
    const other = first.get(toolPath(tool)) ?? tool;
    first.set(toolPath(tool), other);
    if (other.sha256 === tool.sha256) return [];
    const what = `${tool.name} for ${tool.architecture} is there twice, and differs from ${other.file}`;
    return [problem('TOOL005', tool.file, what)];
  });
}

/** The etcd tools come together for each architecture. */
function incomplete(directory: string, found: readonly FoundTool[]): readonly Diagnostic[] {
  const needed = toolNames.filter((name) => name !== 'jq');
  const present = [...new Set(found.map(({ architecture }) => architecture))];
  if (present.length === 0) {
    return [problem('TOOL002', directory, `there is no ${needed.join(', no ')} in ${directory}`)];
  }
  const has = (architecture: Architecture, name: ToolName) =>
    found.some((tool) => tool.architecture === architecture && tool.name === name);
  return present.flatMap((architecture) => {
    const missing = needed.filter((name) => !has(architecture, name));
    if (missing.length === 0) return [];
    const what = `for ${architecture}, ${missing.join(', ')} is missing in ${directory}`;
    return [problem('TOOL002', directory, what)];
  });
}

const advice = {
  TOOL001: [
    'Without the directory there are no tools to take.',
    'Name a directory that can be read.',
  ],
  TOOL002: [
    'Scripts for one machine need all of the etcd tools, in one release.',
    'Unpack the release of etcd for this architecture into the directory.',
  ],
  TOOL003: [
    'Only the bytes of a regular file can be checked and carried.',
    'Copy the program itself to this place, or move the file out of the directory.',
  ],
  TOOL004: [
    'Hosts run the tools as they are, without an interpreter or a library of a workstation.',
    'Take the program for Linux from the release, for amd64 or arm64.',
  ],
  TOOL005: [
    'It is not clear which of them was meant.',
    'Keep one of the two, or give one directory for each release.',
  ],
  TOOL006: [
    'The Control Plane cannot read data that etcd 3.7 has opened, and scripts use features of 3.6.',
    'Take the release that is needed.',
  ],
  TOOL007: [
    'A tool of another version could do harm, so its version must be known.',
    'Take the program from the release, or compile on a machine of its architecture.',
  ],
  TOOL008: [
    'If the host does not have them, the tool does not start there.',
    'Take a static program, or make sure that every host has these libraries.',
  ],
  TOOL009: [
    'The scripts of this plan accept only the tools that it lists.',
    'Take the directory tools/ from the bundle of this plan, or compile the inventory again.',
  ],
} as const satisfies Partial<Readonly<Record<Code, readonly [string, string]>>>;

function problem(code: keyof typeof advice, file: string, what: string): Diagnostic {
  const [why, remedy] = advice[code];
  return diagnostic(code, { file, position: null }, { what, why, remedy });
}

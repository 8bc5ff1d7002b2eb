// What a tool is that travels with a bundle: its name, for which architecture, and where it lies.

import * as z from 'zod';
import { line, type ValueOf } from '../hosts.ts';

/** The tools that a bundle can carry. jq is optional, the others come together. */
export const toolNames = ['etcd', 'etcdctl', 'etcdutl', 'jq'] as const;
export type ToolName = (typeof toolNames)[number];

/** The architectures of the Control Plane, in the words of the etcd releases. */
const architectures = ['amd64', 'arm64'] as const;
export type Architecture = (typeof architectures)[number];

/** A tool in the plan. */
const bundledTool = z.strictObject({
  name: z.enum(toolNames),
  architecture: z.enum(architectures),
  /** Such as `3.6.8`. */
  version: line.regex(/^[0-9]+(\.[0-9]+)+$/u),
  /** Of the file, in hexadecimal. */
  sha256: line.regex(/^[0-9a-f]{64}$/u),
});
export type BundledTool = ValueOf<typeof bundledTool>;

/** The tools of a plan, sorted by path, each once. */
export const bundledTools = z
  .array(bundledTool)
  .min(1)
  .refine((tools) => isSorted(tools.map(toolPath)), {
    error: 'the tools are not sorted by architecture and name, or one is there twice',
  });

/** Where a tool lies in a bundle, such as `tools/amd64/etcdctl`. */
export function toolPath({ architecture, name }: Pick<BundledTool, 'architecture' | 'name'>) {
  return `tools/${architecture}/${name}`;
}

/** A file of a bundle that is not text. `bytes` is read when the file is reached. */
export interface ToolFile {
  readonly path: string;
  readonly mode: 0o755;
  readonly bytes: Uint8Array;
}

function isSorted(paths: readonly string[]): boolean {
  return paths.every((path, at) => at === 0 || (paths[at - 1] ?? '') < path);
}

// The tools of a plan -> what scripts, the runbook and the review sheet say about them.

import type { Plan } from '../plan/ir.ts';
import { type BundledTool, toolPath } from '../tools/tool.ts';

/** The function that scripts of a bundle with tools call first. */
export const toolsCall = 'take_tools';

/** A line of a table for each tool. */
export function toolViews(tools: readonly BundledTool[]) {
  return tools.map((tool) => ({ ...tool, path: toolPath(tool) }));
}

/** What take_tools reads: `ARCHITECTURE/NAME SHA256` for each tool. */
export function toolLines({ tools = [] }: Plan): readonly string[] {
  return tools.map(({ architecture, name, sha256 }) => `${architecture}/${name} ${sha256}`);
}

/**
 * Where the directory tools/ may be, as seen from the folder of a script: in its bundle; before an
 * incident also next to the folder of the recovery host, where it is once for all folders.
 *
 * @param path of the script in the bundle of its plan
 */
export function toolPlaces({ quorum }: Plan, path: string): readonly string[] {
  const up = '../'.repeat(path.split('/').length - 1);
  return quorum.verdict === 'lost' ? [`${up}tools`] : [`${up}tools`, `${up}../tools`];
}

/** What recover.sh and triage.sh, which are not built from parts, have in their templates. */
export function toolsView(plan: Plan, path: string) {
  return {
    tools: plan.recovery.toolsDirectory ?? '',
    bundled: toolLines(plan),
    places: toolPlaces(plan, path),
  };
}

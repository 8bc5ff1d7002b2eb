// usage: with-tools.ts BUNDLE TOOLS OUT: the same bundle with tools, which are the files in TOOLS for
// the architecture of a fake world. They are fakes, so that nothing about them is checked here.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { planBundle, withTools } from '../../compiler/bundle/bundle.ts';
import { loadTemplates } from '../../compiler/emit/templates.ts';
import { signed } from '../../compiler/plan/digest.ts';
import { readPlan } from '../../compiler/plan/read.ts';
import { toolNames, toolPath } from '../../compiler/tools/tool.ts';
import { writeBundle } from '../tools/write-bundle.ts';

const [bundle = '', folder = '', out = ''] = process.argv.slice(2);
const read = readPlan(readFileSync(join(bundle, 'plan.json'), 'utf8'), bundle);
if (!read.ok) throw new Error('no plan');
const files = toolNames.map((name) => ({ name, bytes: readFileSync(join(folder, name)) }));
const tools = files.map(({ name, bytes }) => ({
  name,
  architecture: 'amd64' as const,
  version: '3.6.8',
  sha256: createHash('sha256').update(bytes).digest('hex'),
}));
const carried = tools.map((tool, index) => ({
  path: toolPath(tool),
  mode: 0o755 as const,
  bytes: files[index]?.bytes ?? Buffer.alloc(0),
}));
const inventory = readFileSync(join(bundle, 'inventory.json'), 'utf8');
const contents = withTools(
  planBundle(signed({ ...read.plan, tools }), inventory, loadTemplates()),
  carried,
);
await writeBundle(out, contents);

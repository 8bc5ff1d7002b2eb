import { expect, test } from 'vitest';
import { planText } from '../../../compiler/bundle/bundle.ts';
import { parse } from '../../../compiler/inventory/parse.ts';
import { inventorySchema } from '../../../compiler/inventory/schema.ts';
import { readPlan } from '../../../compiler/plan/read.ts';
import { inventoryText, planOf, type World } from '../world.ts';

const world: World = { servers: ['alive', 'lost'] };
const host = { id: 'h', orchestrator: 'swarm', data_dir: '/d', status: {} };

test.each<readonly [string, string, string, string]>([
  [
    'a plan',
    planText(planOf(world)),
    'f',
    'a plan, not an inventory|Use: plan emit f --out DIRECTORY',
  ],
  [
    'an answer of the API',
    JSON.stringify({ hosts: [host] }),
    'my hosts',
    "an answer of GET /v1/hosts, not an inventory|Use: plan init --from-hosts 'my hosts'",
  ],
  [
    'an old answer of the API',
    JSON.stringify([host]),
    'f',
    'an answer of GET /v1/hosts, not an inventory|Use: plan init --from-hosts f',
  ],
  [
    'a stack file',
    "version: '3.8'\nservices:\n  host-1:\n",
    "it's",
    "a stack file, not an inventory|Use: plan init --from-stack 'it'\\''s'",
  ],
  [
    'a stack file in JSON',
    '{"services": {}}',
    'f',
    'a stack file, not an inventory|Use: plan init --from-stack f',
  ],
  [
    'a schema',
    JSON.stringify(inventorySchema()),
    'f',
    'a JSON Schema, not an inventory|Use: plan compile INVENTORY',
  ],
])('%s is recognised, and the command for it named', (_, text, file, want) => {
  const { ok, diagnostics } = parse(text, file);
  expect(ok).toBe(false);
  expect(diagnostics.map(({ code, what, remedy }) => [code, `${what}|${remedy}`])).toEqual([
    ['INV060', `this is ${want}`],
  ]);
});

test('an inventory given as a plan', () => {
  const read = readPlan(inventoryText(world), 'inventory.json');
  expect(read).toMatchObject({
    ok: false,
    diagnostics: [
      {
        code: 'PLAN002',
        what: 'this is an inventory, not a plan',
        remedy: 'Use: plan compile inventory.json',
      },
    ],
  });
});

test.each(['{"hosts": []}', '[1]', 'null', '{"services": 1}', '{"$schema": "x"}', '{', 'a: b'])(
  'nothing else is meant by %s',
  (text) => {
    expect(parse(text, 'f').diagnostics.map(({ code }) => code)).not.toContain('INV060');
  },
);

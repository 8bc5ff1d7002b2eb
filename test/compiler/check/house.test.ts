// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts are bash
import { describe, expect, test } from 'vitest';
import { checkHouse } from '../../../compiler/check/house.ts';
import { emitScript } from '../../../compiler/emit/script.ts';
import { loadTemplates } from '../../../compiler/emit/templates.ts';
import { executionOrder } from '../../../compiler/plan/order.ts';
import { planOf } from '../world.ts';

/** A script of the house with these lines among its steps. */
function script(...steps: readonly string[]): string {
  return [
    '#!/usr/bin/env bash',
    '# --- values: what differs',
    "readonly HOST='h'",
    'main() {',
    '  start "$@"',
    '}',
    '# --- steps: one function each',
    ...steps,
    '# --- library: the same',
    'mutate() {',
    '  "$@"',
    '}',
    '',
    'if [[ "${BASH_SOURCE[0]}" == "$0" ]]; then',
    '  main "$@"',
    'fi',
    '',
  ].join('\n');
}

function codes(...steps: readonly string[]): readonly string[] {
  return checkHouse([{ path: 'x.sh', text: script(...steps) }]).map(({ code }) => code);
}

const inFunction = (...lines: readonly string[]) => [
  'step_one() {',
  ...lines.map((line) => `  ${line}`),
  '}',
];

describe('allowed', () => {
  test.each<readonly [string, readonly string[]]>([
    ['behind the gate', ['mutate mv -T -- "${from}" "${to}"']],
    [
      'continued behind the gate',
      ['mutate as_host etcdctl --endpoints "${E}" \\', '  member remove "${id}"'],
    ],
    ['reads', ['docker service ls', 'etcdctl member list', 'api GET "${url}"', 'cat -- "${f}"']],
    ['scratch', ['printf x >"${scratch}/file"', 'rm -f -- "${scratch}/file"']],
    [
      'a name for scratch',
      ['local key', 'key="${scratch}/key"', 'head -c 4 /dev/urandom >"${key}"'],
    ],
    ['nowhere', ['docker ps >/dev/null 2>&1']],
    [
      'a verb in a text',
      ["say 'then rm -rf / and mv x y; cp z'", 'say "docker kill $(cat -- "${f}") > x"'],
    ],
    ['a verb in a comment', ['true # rm -rf /']],
    ['a comparison', ['[[ "${a}" > "${b}" ]]', '((a > b))']],
    ['a program of awk', ["awk '", '  $1 > 3 { print > "x"; kill }', '\' <<<"${x}"']],
    ['a here-document', ['cat <<TEXT', 'rm -rf / > x', 'TEXT']],
    ['quotes in an expansion', ['x="${log#"${STATE}"}"', 'y="${x//$\'\\n\'/; rm }"', 'true']],
    ['asking for a process', ['kill -0 "${pid}"']],
    ['a pattern of a case', ['case "${x}" in', '  rm) true ;;', '  *) false ;;', 'esac']],
  ])('%s', (_, lines) => {
    expect(codes(...inFunction(...lines))).toEqual([]);
  });

  test('in a function nothing but mutate calls', () => {
    expect(codes('do_it() {', '  mv -- a b', '}', ...inFunction('mutate do_it'))).toEqual([]);
  });

  test('in a function only such a function calls', () => {
    const deep = ['deep() {', '  mv -- a b >out', '}', 'do_it() {', '  deep', '}'];
    expect(codes(...deep, ...inFunction('mutate do_it'))).toEqual([]);
  });
});

describe('refused', () => {
  test.each<readonly [string, string, readonly string[]]>([
    ['a plain change', 'CHK004', ['mv -- a b']],
    ['after a separator', 'CHK004', ['true && rm -f -- a']],
    ['in a branch', 'CHK004', ['if [[ -n "${x}" ]]; then chown root a; fi']],
    ['in a substitution', 'CHK004', ['x="$(rm -f -- a)"']],
    ['in a substitution in quotes', 'CHK004', ['say "done $(docker kill "${id}")"']],
    ['with an environment', 'CHK004', ['LC_ALL=C rm -f -- a']],
    ['behind timeout', 'CHK004', ['timeout 5 docker service scale a=0']],
    ['patiently', 'CHK004', ['docker_patiently service update --force a']],
    ['with credentials', 'CHK004', ['as_host etcdctl --endpoints x member remove 1']],
    ['on a continued line', 'CHK004', ['etcdutl snapshot \\', '  restore x']],
    ['after quotes in an expansion', 'CHK004', ['x="${log#"${STATE}"}"', 'rm -f -- a']],
    ['by the API', 'CHK004', ['api_must 200 DELETE "${url}"']],
    ['in a case', 'CHK004', ['case "${x}" in', '  a) touch b ;;', '  *) true ;;', 'esac']],
    ['by redirection', 'CHK004', ['printf x >"${STATE}/file"']],
    ['appending', 'CHK004', ['printf x >>/etc/motd']],
    ['curl by itself', 'CHK004', ['curl http://x']],
    ['eval', 'CHK008', ['eval "${x}"']],
    ['recursive removal', 'CHK008', ['mutate rm -rf -- "${x}/y"']],
    ['a password in arguments', 'CHK005', ['etcdctl --user "root:${p}" get x']],
  ])('%s', (_, code, lines) => {
    expect(codes(...inFunction(...lines))).toContain(code);
  });

  test('a function that is called without mutate as well', () => {
    const calls = inFunction('mutate do_it', 'do_it');
    expect(codes('do_it() {', '  mv -- a b', '}', ...calls)).toEqual(['CHK004']);
  });

  test('a guarded recursive removal is fine', () => {
    expect(codes(...inFunction('mutate rm -rf -- "${x:?}/y"'))).toEqual([]);
  });

  test('the place is that of the line', () => {
    const [finding] = checkHouse([
      { path: 'x.sh', text: script(...inFunction("x='a", "b'", 'mv -- a b')) },
    ]);
    expect([finding?.file, finding?.line]).toEqual(['x.sh', 11]);
  });

  test('another library, a missing guard', () => {
    const text = script(...inFunction('true'));
    const found = checkHouse([
      { path: 'a.sh', text },
      { path: 'b.sh', text: text.replace('  "$@"\n}', '  "$@" # changed\n}') },
      { path: 'c.sh', text: text.slice(0, -3) },
    ]);
    expect(found.map(({ file, code }) => [file, code])).toEqual([
      ['b.sh', 'CHK006'],
      ['c.sh', 'CHK006'],
      ['c.sh', 'CHK007'],
    ]);
  });

  test('long lines, but for values and what a value makes long', () => {
    const long = 'x'.repeat(120);
    expect(codes(...inFunction(`say '${long}'`))).toEqual(['CHK003']);
    const text = script(...inFunction('true'));
    const value = text.replace("readonly HOST='h'", `readonly HOST='${long}'`);
    expect(checkHouse([{ path: 'x.sh', text: value }])).toEqual([]);
    const main = text.replace('  start "$@"', `  start "$@" # ${long}`);
    expect(checkHouse([{ path: 'x.sh', text: main }]).map(({ code }) => code)).toEqual(['CHK003']);
  });
});

test('a change that leaves the gate of any real script is found', async () => {
  const templates = loadTemplates();
  const plan = planOf({
    servers: ['alive', 'returning', 'replaced'],
    clients: ['alive', 'replaced'],
  });
  const tried = new Set<string>();
  const missed: string[] = [];
  for (const turn of [...executionOrder(plan), ...plan.asides]) {
    const { path, text } = emitScript(plan, turn, templates);
    const steps = text.indexOf('\n# --- steps');
    const library = text.indexOf('\n# --- library');
    const gate =
      /mutate (?=(install|mv|rm|cp|chown|chmod|docker_patiently (service|node|swarm)|put_file)\b)/gu;
    for (const { index } of text.matchAll(gate)) {
      if (index < steps || index > library) continue;
      const line = text.slice(index, text.indexOf('\n', index));
      if (tried.has(line)) continue;
      tried.add(line);
      const opened = text.slice(0, index) + text.slice(index + 'mutate '.length);
      const found = checkHouse([{ path, text: opened }]);
      if (!found.some(({ code }) => code === 'CHK004')) {
        missed.push(`${path}: ${line}`);
      }
    }
  }
  expect(tried.size).toBeGreaterThan(30);
  expect(missed).toEqual([]);
}, 60_000);

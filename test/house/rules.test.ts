// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts are bash
// What each rule accepts and refuses.

import { describe, expect, test } from 'vitest';
import { checkBash, checkListed } from './check.ts';
import { inWords } from './findings.ts';
import { checkEnding, checkEngine, checkWidth } from './form.ts';

const path = 'x.sh';
const library = [
  'readonly -a AT_MOST=(timeout --foreground --kill-after=3)',
  'mutate() {',
  '  "$@"',
  '}',
  'wait_until() {',
  '  "${@:5}"',
  '}',
  'say() { printf "%s\\n" "$1" >&2; }',
  'as_host() (',
  '  exec "$@"',
  ')',
  '',
].join('\n');

function rules(...lines: readonly string[]): readonly string[] {
  const text = lines.join('\n');
  return checkBash([
    { path: 'library.sh', text: library },
    { path, text },
  ]).map(({ rule }) => rule);
}

const inFunction = (...lines: readonly string[]) => [
  'step_one() {',
  ...lines.map((line) => `  ${line}`),
  '}',
];

describe('accepted', () => {
  test.each<readonly [string, readonly string[]]>([
    ['behind the gate', ['mutate mv -T -- "${from}" "${to}"']],
    [
      'continued behind the gate',
      ['mutate as_host etcdctl --endpoints "${E}" \\', '  member remove "${id}"'],
    ],
    ['behind the gate, within a limit', ['mutate "${AT_MOST[@]}" 20 docker kill -- "${id}"']],
    [
      'reads',
      [
        'docker service ls',
        'etcdctl --endpoints x member list',
        'cat -- "${f}"',
        'ip -o address show',
      ],
    ],
    ['reads within a limit', ['"${AT_MOST[@]}" 20 docker node inspect --format x -- "$1"']],
    ['reads by curl', ["curl -q --silent --noproxy '*' --output /dev/null https://x"]],
    ['scratch', ['printf x >"${scratch}/file"', 'rm -f -- "${scratch}/file"']],
    ['scratch that cannot be empty', ['rm -f -- "${scratch:?}/file"']],
    [
      'a name for scratch',
      ['local key', 'key="${scratch}/key"', 'head -c 4 /dev/urandom >"${key}"'],
    ],
    ['nowhere', ['docker ps >/dev/null 2>&1']],
    ['to another descriptor', ['exec {lock}<"${place}"', 'true {LOCK}<&- >&2']],
    [
      'a verb in a text',
      ["say 'then rm -rf / and mv x y; cp z'", 'say "docker kill $(cat -- "${f}") > x"'],
    ],
    ['a verb in a comment', ['true # rm -rf /']],
    ['a comparison', ['[[ "${a}" > "${b}" ]]', '((a > b))']],
    [
      'a program of awk',
      ["awk '", '  $1 > 3 { kill; rm = $2 }', '  { print ($2 > 1) }', '\' <<<"${x}"'],
    ],
    ['quotes in an expansion', ['x="${log#"${STATE}"}"', 'y="${x//$\'\\n\'/; rm }"', 'true']],
    ['asking for a process', ['kill -0 "${pid}"']],
    ['asking for a command', ['command -v docker']],
    ['a pattern of a case', ['case "${x}" in', '  rm) true ;;', '  *) false ;;', 'esac']],
    ['a probe', ["wait_until 5 yes 'it is there' 'ls' say word"]],
    [
      'known text for another shell',
      ['bash -c \'if "$@"; then :; fi\' _ etcdctl --x y endpoint health'],
    ],
    ['a name of a cluster', ['mutate etcdutl restore --initial-cluster-token "${token}"']],
    ['a secret in the environment', ['ETCDCTL_PASSWORD=$(jq -er .x "${CONFIG}") || exit']],
    ['a secret in a file', ['jq -n --rawfile token "${scratch}/token" "{}"']],
    ['the removal of a path that is never empty', ['mutate rm -rf -- "${x:?}/y"']],
  ])('%s', (_, lines) => {
    expect(rules(...inFunction(...lines))).toEqual([]);
  });

  test('a here-document', () => {
    expect(rules('cat <<TEXT', 'rm -rf / > x', 'TEXT')).toEqual([]);
  });

  test('in a function that only mutate calls', () => {
    expect(rules('do_it() {', '  mv -- a b', '}', ...inFunction('mutate do_it'))).toEqual([]);
  });

  test('in a function that only such a function calls', () => {
    const deep = ['deep() {', '  mv -- a b >out', '}', 'do_it() {', '  deep', '}'];
    expect(rules(...deep, ...inFunction('mutate do_it'))).toEqual([]);
  });

  test('in a function that calls itself', () => {
    const deep = ['do_it() {', '  mv -- a b', '  do_it', '}'];
    expect(rules(...deep, ...inFunction('mutate do_it'))).toEqual([]);
  });
});

describe('refused', () => {
  test.each<readonly [string, string, readonly string[]]>([
    ['a plain change', 'change', ['mv -- a b']],
    ['after a separator', 'change', ['true && rm -f -- a']],
    ['in a branch', 'change', ['if [[ -n "${x}" ]]; then chown root a; fi']],
    ['in a loop', 'change', ['for x in a; do touch "${x}"; done']],
    ['in a pipeline', 'change', ['cat a | tee b']],
    ['in the background', 'change', ['mv a b &']],
    ['in a subshell', 'change', ['(mv a b)']],
    ['in a coprocess', 'change', ['coproc mv a b']],
    ['in a substitution', 'change', ['x="$(rm -f -- a)"']],
    ['in a substitution in quotes', 'change', ['say "done $(docker kill "${id}")"']],
    ['in a substitution of a process', 'change', ['cat <(rm -f a)']],
    ['in a substitution in arithmetic', 'change', ['((x = $(rm -f a)))']],
    ['in a substitution in a test', 'change', ['[[ -n $(rm -f a) ]]']],
    ['in a default', 'change', ['say "${x:-$(rm -f a)}"']],
    ['in an index', 'change', ['x["$(rm -f a)"]=1']],
    ['in backquotes', 'change', ['x=`rm -f a`']],
    ['with an environment', 'change', ['LC_ALL=C rm -f -- a']],
    ['by its path', 'change', ['/bin/rm -f -- a']],
    ['in quotes', 'change', ["'rm' -f -- a"]],
    ['behind timeout', 'change', ['timeout 5 docker service scale a=0']],
    ['behind env', 'change', ['env -i A=b rm -f -- a']],
    ['behind exec', 'change', ['exec -a x rm -f -- a']],
    ['behind xargs', 'change', ['cat list | xargs -0 rm']],
    [
      'behind a limit',
      'change',
      ['"${AT_MOST[@]}" 20 docker node update --availability active "$1"'],
    ],
    ['with credentials', 'change', ['as_host etcdctl --endpoints x member remove 1']],
    ['on a continued line', 'change', ['etcdutl snapshot \\', '  restore x']],
    ['after quotes in an expansion', 'change', ['x="${log#"${STATE}"}"', 'rm -f -- a']],
    ['in a case', 'change', ['case "${x}" in', '  a) touch b ;;', '  *) true ;;', 'esac']],
    ['by redirection', 'change', ['printf x >"${STATE}/file"']],
    ['by redirection of a group', 'change', ['{ true; } >"${STATE}/file"']],
    ['by redirection of a loop', 'change', ['while true; do :; done >>file']],
    ['by redirection of both', 'change', ['true &>file']],
    ['by opening a file', 'change', ['exec 3<>file']],
    ['by redirection of a change', 'change', ['mutate mv a b >"${STATE}/file"']],
    ['appending', 'change', ['printf x >>/etc/motd']],
    [
      'to a name that is not always in scratch',
      'change',
      ['f="${scratch}/a"', 'f=/etc/motd', ': >"${f}"'],
    ],
    ['to a name that is read', 'change', ['f="${scratch}/a"', 'read -r f', ': >"${f}"']],
    ['curl with its settings file', 'change', ['curl http://x']],
    ['curl with another method', 'change', ['curl -q --request DELETE http://x']],
    ['curl with data', 'change', ["curl -q --data-binary '@x' http://x"]],
    ['curl to a file', 'change', ['curl -q --output "${STATE}/x" http://x']],
    ['a reader that writes', 'change', ['sort -o a a']],
    ['find that removes', 'change', ['find "${x}" -name y -delete']],
    ['find that runs', 'change', ['find "${x}" -exec rm {} +']],
    ['sed in place', 'change', ["sed -i 's/a/b/' file"]],
    ['awk that writes', 'change', ['awk \'{ print $1 > "x" }\' y']],
    ['awk that runs', 'change', ["awk '{ system($1) }' y"]],
    ['a new time', 'change', ['date -s 12:00']],
    ['another name', 'change', ['hostname other']],
    ['a signal', 'change', ['kill -TERM "${pid}"']],
    ['a command nobody knows', 'change', ['frobnicate']],
    ['a command in a variable', 'change', ['"${tool}" --help']],
    ['a subcommand in a variable', 'change', ['docker "${verb}" x']],
    ['arguments that may hold a subcommand', 'change', ['docker "$@"']],
    ['a probe that changes', 'change', ["wait_until 5 yes 'it is there' 'ls' rm -f a"]],
    ['a change that a shell is given', 'change', ['bash -c \'mv "$1" b\' _ a']],
    ['a change through another shell', 'change', ['bash -c \'"$@"\' _ rm -f a']],
    ['a redirection in another shell', 'change', ["bash -c 'printf x >file'"]],
    ['a change in a trap', 'change', ["trap 'rm -f -- a' EXIT"]],
    ['another script', 'change', ['bash other.sh']],
    ['eval', 'code', ['eval "${x}"']],
    ['eval behind a word', 'code', ['mutate builtin eval "${x}"']],
    ['a file that is read as bash', 'code', ['. ./other.sh']],
    ['text for another shell', 'code', ['mutate bash -c "${x}"']],
    ['text for a trap', 'code', ['trap "${x}" EXIT']],
    ['recursive removal', 'removal', ['mutate rm -rf -- "${x}/y"']],
    ['recursive removal, long', 'removal', ['mutate rm --recursive -- "${x}/y"']],
    ['recursive removal of several', 'removal', ['mutate rm -r -- "${x:?}/y" "${z}"']],
    ['recursive removal of a list', 'removal', ['mutate rm -r -- "$@"']],
    ['recursive removal of all', 'removal', ['mutate rm -r /']],
    ['recursive removal within a limit', 'removal', ['mutate "${AT_MOST[@]}" 5 rm -r "${x}"']],
    ['a password in arguments', 'secret', ['etcdctl --user "root:${p}" get x']],
    ['a password behind a word', 'secret', ['mutate as_host etcdctl --password="${p}" put x']],
    ['a password of curl', 'secret', ['curl -q -u "a:${b}" http://x']],
    ['a header', 'secret', ['curl -q --header "Authorization: ${x}" http://x']],
    ['a header of a token', 'secret', ["curl -q -H 'X-Auth-Token: 1' http://x"]],
    ['a token of a Swarm', 'secret', ['mutate docker swarm join --token "$1" x']],
    ['a variable with a secret', 'secret', ['jq -n --arg p "${password}" "{}"']],
    ['a file with a secret', 'secret', ['mutate docker swarm join x "$(<"${scratch}/token")"']],
    ['no bash', 'syntax', ['if true; then']],
  ])('%s', (_, rule, lines) => {
    expect(rules(...inFunction(...lines))).toContain(rule);
  });

  test('a function that is called without mutate as well', () => {
    const calls = inFunction('mutate do_it', 'do_it');
    expect(rules('do_it() {', '  mv -- a b', '}', ...calls)).toEqual(['change']);
  });

  test.each([
    ['a probe', ["wait_until 5 yes 'it is there' 'ls' do_it"]],
    ['a word of a list', ['local -a all=(do_it)', 'mutate do_it']],
    ['a command of a trap', ["trap 'do_it' EXIT"]],
  ])('a function that is also %s', (_, lines) => {
    const calls = inFunction('mutate do_it', ...lines);
    expect(rules('do_it() {', '  mv -- a b', '}', ...calls)).toEqual(['change']);
  });

  test('a function that is called from a function that is not only called by mutate', () => {
    const deep = ['deep() {', '  mv -- a b', '}', 'do_it() {', '  deep', '}'];
    expect(rules(...deep, ...inFunction('mutate do_it', 'mutate deep', 'do_it'))).toEqual([
      'change',
    ]);
  });

  test('a substitution in a here-document', () => {
    expect(rules('cat <<TEXT', '$(rm -f a)', 'TEXT')).toEqual(['change']);
    expect(rules("cat <<'TEXT'", '$(rm -f a)', 'TEXT')).toEqual([]);
  });

  test('outside of a function', () => {
    expect(rules('mv a b')).toEqual(['change']);
  });

  test('what an exception does not name', () => {
    const sources = [{ path, text: inFunction('kill 1', 'rm -f a', ': >b').join('\n') }];
    const exceptions = { step_one: { runs: ['kill', '>'], because: 'it is tried' } };
    expect(checkBash(sources, exceptions).map(inWords)).toEqual([
      'x.sh:3 change: step_one: outside mutate: rm',
    ]);
  });

  test('with its place', () => {
    const text = inFunction("x='a", "b'", 'mv -- a b').join('\n');
    expect(checkBash([{ path, text }]).map(inWords)).toEqual([
      'x.sh:4 change: step_one: outside mutate: mv',
    ]);
  });
});

/** A script with these lines among its functions. */
function script(...lines: readonly string[]): string {
  return [
    '#!/usr/bin/env bash',
    '# --- page',
    'commands() {',
    '  start "$@"',
    '',
    "  begin '1.1' 'Set aside'",
    '  step_one',
    "  # $ mv -T -- 'a' 'b'",
    '}',
    "readonly HOST='h'",
    '# --- functions: what the page calls',
    ...lines,
    '# --- engine: the same in every script of every bundle',
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

describe('the form of scripts', () => {
  const text = script('true');
  const engines = (...texts: readonly string[]) =>
    checkEngine(texts.map((each, at) => ({ path: `${at}.sh`, text: each }))).map(inWords);
  const long = (each: string) =>
    checkWidth({ path, text: each }, '# --- functions: what the page calls').map(inWords);

  test('another engine, or none', () => {
    expect(engines(text, text)).toEqual([]);
    expect(engines(text, text.replace('  "$@"\n}', '  "$@" # changed\n}'))).toEqual([
      '1.sh:13 engine: it is not that of the first script',
    ]);
    expect(engines(text.replace('--- engine', '--- other'))).toEqual([
      '0.sh:0 engine: it is not that of the first script',
    ]);
  });

  test('other last lines', () => {
    expect(checkEnding({ path, text })).toEqual([]);
    expect(checkEnding({ path, text: text.slice(0, -3) }).map(inWords)).toEqual([
      'x.sh:20 ending: its last lines do not start it',
    ]);
  });

  test('long lines, but for values and what a value makes long', () => {
    const value = 'x'.repeat(120);
    expect(long(text)).toEqual([]);
    expect(long(script(`say '${value}'`))).toEqual(['x.sh:12 width: 126 columns']);
    expect(long(text.replace("HOST='h'", `HOST='${value}'`))).toEqual([]);
    expect(long(text.replace("-- 'a'", `-- '${value}'"\${incident}"`))).toEqual([]);
    expect(long(text.replace('# $ mv', `# $ mv ${'-x '.repeat(30)}`))).toHaveLength(1);
    expect(long(text.replace('  start "$@"', `  start "$@" # ${value}`))).toHaveLength(1);
    const two = `'${value.slice(60)}' '${value.slice(60)}'`;
    expect(long(text.replace("'a' 'b'", two))).toHaveLength(1);
  });
});

test('commands that a page lists are bash', () => {
  const listed = (line: string) =>
    checkListed({ path, text: script('true').replace("mv -T -- 'a' 'b'", line) }).map(
      ({ rule }) => rule,
    );
  expect(listed("mv -T -- 'a' 'b'")).toEqual([]);
  expect(listed("mv 'a")).toEqual(['syntax']);
});

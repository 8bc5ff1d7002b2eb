import { expect, test } from 'vitest';
import { toolsOf } from '../../../compiler/emit/tools.ts';

const library = `
plain() {
  sort -u "$1" | tr a b
}

quoted() {
  printf '%s\\n' 'docker ps' "the host's find" "grep this"
  # sed in a comment
}

substituted() {
  local text="now $((1 + 2)): $(stat -c %s -- "$1") of \${2:-'du'}"
}

passed() {
  mutate mv -T -- a b
  "\${AT_MOST[@]}" 20 docker node ls
  as_host etcdctl member list
  wait_until 5 ok 'cp' plain x
}

labels() {
  case "$1" in
    awk | curl) ;;
    *) ;;
  esac
}
`;

const cases: readonly (readonly [string, readonly string[]])[] = [
  ['plain', ['sort', 'tr']],
  ['quoted', []],
  ['substituted', ['stat']],
  ['passed', ['docker', 'etcdctl', 'mv', 'sort', 'tr']],
  ['labels', []],
  ['nothing', []],
];

test.each(cases)('%s runs %j', (name, tools) => {
  expect(toolsOf([name], [library])).toEqual(tools);
});

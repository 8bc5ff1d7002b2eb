// Commands -> what is never allowed, with mutate or without it.

import { isInternal } from './changes.ts';
import { type Argument, codeOf, type Run } from './commands.ts';
import type { Finding } from './findings.ts';

/** Text that runs and that nobody has reviewed, secrets in arguments, removals that can hit other files. */
export function forbiddenIn(
  runs: readonly Run[],
  functions: ReadonlySet<string>,
): readonly Finding[] {
  return runs.flatMap((run): readonly Finding[] => {
    const { name, args } = run;
    if (name === null) return [];
    if (name === 'eval' || name === 'source' || name === '.') {
      return [{ rule: 'code', place: run, what: name }];
    }
    const code = codeOf(name, args)?.text;
    if (code?.text === null) {
      return [{ rule: 'code', place: run, what: `${name} runs ${code.written}` }];
    }
    if (name === 'rm' && removesTooMuch(args)) {
      const what = 'recursive removal of a path that can be empty';
      return [{ rule: 'removal', place: run, what }];
    }
    const secret = isInternal(name, functions) ? null : secretIn(name, args);
    return secret === null
      ? []
      : [{ rule: 'secret', place: run, what: `in arguments of ${name}: ${secret}` }];
  });
}

/** `${name:?}` stops the script if the name is empty. */
function removesTooMuch(args: readonly Argument[]): boolean {
  const options = args.filter(({ text }) => text?.startsWith('-') === true);
  const recursive = options.some(({ text }) => /^(-[a-zA-Z]*[rR]|--recursive$)/u.test(text ?? ''));
  return (
    recursive &&
    args.some(({ text, many, expansions }) => {
      if (text !== null) return /^\/*$|^\/[^/]*\/*$/u.test(text);
      return many || !expansions.every((each) => /^\$\{[A-Za-z_0-9]+:\?\}$/u.test(each));
    })
  );
}

/** Options with a secret after them, by command. */
const secretOptions: Readonly<Record<string, RegExp>> = {
  curl: /^(-u|-U|--(user|proxy-user|oauth2-bearer|pass))(=|$)/u,
  docker: /^--(password|token)(=|$)/u,
  etcd: /^--(user|password)(=|$)/u,
  etcdctl: /^--(user|password|new-user-password)(=|$)/u,
  openssl: /^(pass:|-k$)/u,
};
const secretHeader =
  /^['"]?(-H|--header=)?['"]?(authorization|proxy-authorization|cookie|x-[a-z-]*token)\b/iu;
const secretName = /passw|secret|token|private/iu;

/** The word that gives a secret, or null. The token of an etcd cluster is a name. */
function secretIn(name: string, args: readonly Argument[]): string | null {
  const found = args.find(({ text, written, expansions }, at) => {
    if (args[at - 1]?.text === '--initial-cluster-token') return false;
    if (secretOptions[name]?.test(text ?? written) || secretHeader.test(written)) return true;
    return expansions.some((each) => secretName.test(each.replaceAll('CLUSTER_TOKEN', '')));
  });
  return found?.written ?? null;
}

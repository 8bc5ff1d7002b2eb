// A command that runs -> whether it changes something. What is in no table here is not known to be a read.

import { type Argument, codeOf, type Run } from './commands.ts';

/** Builtins that change nothing but the shell itself. */
const builtins = new Set(
  (
    ': [ break builtin cd command continue declare disown echo exec exit export false getopts hash ' +
    'jobs local mapfile popd printf pushd pwd read readarray readonly return set shift shopt test ' +
    'times trap true type typeset ulimit umask unalias unset wait'
  ).split(' '),
);

/** Commands that only read, whatever their arguments. */
const readers = new Set(
  (
    'base64 basename cat cmp cut df diff dirname du flock getent grep head id jq ls nproc od readlink ' +
    'realpath rev seq sha1sum sha256sum sleep stat tac tail tr uname uniq wc'
  ).split(' '),
);

/** A function that only scripts of bundles with tools carry. It is judged there, and in the templates. */
const optional = new Set(['take_tools']);

/** Commands that pass their arguments on; what they pass on is judged for itself. */
const passing = new Set(['env', 'nice', 'nohup', 'setsid', 'sudo', 'timeout', 'xargs']);

const shells = new Set(['bash', 'dash', 'sh']);

/** Commands that change the files they name; in the scratch directory that is no change. */
const changers = new Set(
  (
    'chattr chcon chgrp chmod chown cp dd gunzip install ln mkdir mkfifo mknod mktemp mount mv ' +
    'restorecon rm rmdir setfacl shred split sync tar tee touch truncate umount unlink'
  ).split(' '),
);

/** Whether a command changes something, by its arguments. */
type Judge = (args: readonly Argument[]) => boolean;

const judges: Readonly<Record<string, Judge>> = {
  // Signal 0 only asks.
  kill: ([signal]) => signal?.text !== '-0',
  awk: (args) => args.some(({ text }) => text !== null && writesInAwk(text)),
  date: options(/^(-s|--set)/u),
  find: options(/^-(delete|exec|execdir|fls|fprint.*|ok|okdir)$/u),
  gzip: (args) => !args.some(({ text }) => /^-[dtlq]*[ctl]/u.test(text ?? '')),
  hostname: (args) => !args.every(({ text }) => text !== null && /^-[a-zA-Z]$/u.test(text)),
  ip: (args) => !args.some(({ text }) => text === 'show'),
  sed: options(/^(-[a-zA-Z]*i|--in-place)/u),
  sort: options(/^(-o|--output)/u),
  openssl: (args) =>
    !/^(pkey|s_client|verify|version|x509)$/u.test(args[0]?.text ?? '') ||
    args.some(({ text }, at) => text === '-out' && !isScratch(args[at + 1]?.written)),
  curl: (args) => !readsByCurl(args),
  docker: subcommand(
    /^(info|inspect|logs|ps|version|(node|service|stack|volume) (inspect|ls|ps))$/u,
    2,
  ),
  systemctl: subcommand(/^(cat|is-active|is-enabled|list-units|show|status)$/u, 1),
  etcd: (args) => !(args.length === 1 && args[0]?.text === '--version'),
  etcdctl: subcommand(
    /^(version|alarm list|auth status|get|member list|endpoint (hashkv|health|status)|user (get|list))$/u,
    2,
  ),
  etcdutl: subcommand(/^(version|snapshot status)$/u, 2),
  // Requests: API METHOD, STATUS METHOD, and to the Docker engine.
  api: ([method]) => method?.text !== 'GET',
  api_must: ([, method]) => method?.text !== 'GET',
  api_send: () => true,
  engine: ([method]) => method?.text !== 'GET',
};

/** Why a command changes something or may do so; null if it changes nothing. */
export function changeBy(run: Run, functions: ReadonlySet<string>): string | null {
  const { name, args } = run;
  if (name === null) return 'a command that is known only at run time';
  const judge = judges[name];
  if (judge !== undefined) return judge(args) ? name : null;
  if (isInternal(name, functions) || readers.has(name) || optional.has(name) || passing.has(name))
    return null;
  if (shells.has(name) && (codeOf(name, args) !== null || isItself(args))) return null;
  if (changers.has(name)) return onlyScratch(args) ? null : name;
  return `${name}, which no table of commands has`;
}

/** A script that starts itself again. */
function isItself(args: readonly Argument[]): boolean {
  return args.find(({ text }) => text?.startsWith('-') !== true)?.written === '"$0"';
}

/** Whether a command is a function or a builtin: its arguments are in no list of processes. */
export function isInternal(name: string, functions: ReadonlySet<string>): boolean {
  return functions.has(name) || builtins.has(name);
}

function options(changing: RegExp): Judge {
  return (args) => args.some(({ text }) => text !== null && changing.test(text));
}

/** Reads have one of these first words, after options. An argument that is not known is no read. */
function subcommand(reading: RegExp, words: number): Judge {
  return (args) => {
    const plain: (string | null)[] = [];
    for (let at = 0; at < args.length && plain.length < words; at += 1) {
      const { text, many } = args[at] as Argument;
      if (text === null && many) return true;
      if (text?.startsWith('-') !== true) plain.push(text);
      // Options before a subcommand: their value is the next word, or after "=".
      else if (plain.length === 0 && !text.includes('=')) at += 1;
    }
    const said = plain.filter((word) => word !== null);
    return !said.some((_, count) => reading.test(said.slice(0, count + 1).join(' ')));
  };
}

/** A GET without a settings file, whose answer stays in memory. */
function readsByCurl(args: readonly Argument[]): boolean {
  if (args[0]?.text !== '-q') return false;
  return args.every(({ text }, at) => {
    const value = args[at + 1];
    if (text === null) return true;
    if (/^(-X|--request)$/u.test(text)) return value?.text === 'GET';
    if (/^(-o|--output|-D|--dump-header)$/u.test(text)) {
      return value?.text === '/dev/null' || isScratch(value?.written);
    }
    return !/^(-[dFTKOc]|--(data|form|upload|config|remote|cookie-jar|json|output-dir|trace))/u.test(
      text,
    );
  });
}

/** Comparisons are no writes: only what follows print can be written to a file. */
function writesInAwk(program: string): boolean {
  const bare = program
    .replace(/"(?:[^"\\]|\\.)*"/gu, '""')
    .replace(/\/(?:[^/\\\n]|\\.)+\//gu, '//');
  return /\bsystem *\(|\bprintf?\b[^;}\n()]*(?:\([^()]*\)[^;}\n()]*)*(>|\|)|\| *getline/u.test(
    bare,
  );
}

/** A path in the script's own directory in memory, which it removes when it ends. */
export function isScratch(written: string | undefined): boolean {
  return written !== undefined && /^"\$\{scratch(:\?)?\}["/]/u.test(written);
}

function onlyScratch(args: readonly Argument[]): boolean {
  const operands = args.filter(({ text }) => text?.startsWith('-') !== true);
  return operands.length > 0 && operands.every(({ written }) => isScratch(written));
}

// What functions may do outside of mutate, and why. A test keeps the table without an unused entry.

import type { Exceptions } from './gate.ts';

const ownRequest = 'a request is judged by its method, wherever the function is called';
const ownProcess = 'it ends only processes that the script itself started';

/** Of the guards, steps and library of the scripts. */
export const scriptExceptions: Exceptions = {
  api: { runs: ['curl'], because: ownRequest },
  api_must: { runs: ['api'], because: ownRequest },
  begin_changes: {
    runs: ['install', 'touch'],
    because: 'all guards have passed; it makes the folder of this incident, with --apply only',
  },
  end_etcd: { runs: ['kill'], because: ownProcess },
  end_process: { runs: ['kill'], because: ownProcess },
  etcdctl_word: { runs: ['>'], because: 'its first argument is a path in scratch' },
  harmless_write: {
    runs: ['docker'],
    because: 'only a write shows whether Swarm accepts one; it sets a value to what it is',
  },
  need_first: { runs: ['?'], because: 'it calls the functions in its own list of facts' },
  record: { runs: ['>'], because: 'the record of runs with --apply' },
  rename_works: {
    runs: ['install', 'rmdir'],
    because: 'the last guard, with --apply: it makes an empty directory and removes it again',
  },
  rename_works_word: { runs: ['mv'], because: 'it moves that directory and moves it back' },
  say: { runs: ['>'], because: 'the log of runs with --apply' },
  stop_services_word: { runs: ['awk'], because: 'awk writes to a file in scratch' },
  take_scratch: {
    runs: ['mktemp', 'rm'],
    because: 'the directory in memory, and those that killed scripts have left',
  },
  tool_minor: { runs: ['?'], because: 'it asks an etcd tool for its release' },
};

/** Of recover.sh, which has no step of its own. */
export const recoverExceptions: Exceptions = {
  run_here: { runs: ['bash'], because: 'each script looks first; it applies after a yes' },
};

/** Of triage.sh, which has no mutate: it only looks, and writes to its directory in memory. */
export const triageExceptions: Exceptions = {
  await_answers: { runs: ['install'], because: 'a folder in scratch for each question' },
  launch_etcd: {
    runs: ['etcd', 'kill', '>'],
    because: 'with --deep only: on a copy, and it ends only the process that it started',
  },
  put_question: {
    runs: ['?'],
    because: 'it runs the functions in its own list of questions, each with a limit',
  },
  triage_deep: {
    runs: ['mktemp', 'cp', 'rm'],
    because: 'with --deep only: a copy in memory, or in a directory that a person names',
  },
  triage_member: { runs: ['curl'], because: 'a GET of /health and /metrics' },
};

/** Of review.sh, which has no mutate. */
export const reviewExceptions: Exceptions = {
  take_scratch: { runs: ['mktemp'], because: 'its directory in memory' },
};

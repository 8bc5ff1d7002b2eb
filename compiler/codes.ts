// The catalogue of diagnostic codes: turns a code into its severity, its title and a page about it.

/** Errors make the answer "no"; warnings are said and change nothing. */
export type Severity = 'error' | 'warning';

interface CodeEntry {
  readonly severity: Severity;
  /** What is wrong, without the particulars. */
  readonly title: string;
  /** One paragraph per string: why it matters and what to do, for `plan explain CODE`. */
  readonly explain: readonly [string, ...string[]];
}

/**
 * Every code the compiler can utter. To add one, add an entry: Code follows, and a report with a
 * code that is not here does not compile. INV0xx: the inventory, PLAN0xx: the plan file, CHK0xx: the
 * checks of the scripts, BUN0xx: the bundle, its comparison, files. Numbers are never used again.
 */
export const codes = {
  INV001: {
    severity: 'error',
    title: 'the text is not JSON',
    explain: [
      'An inventory is one strict JSON file in UTF-8 without a byte order mark. The position is where reading failed; the mistake is there or shortly before it: a missing comma, quote or bracket, or an unescaped character in a string.',
      'As long as the text is not JSON, nothing else in it is checked. An editor that knows JSON shows the place; so does "jq . inventory.json".',
    ],
  },
  INV002: {
    severity: 'error',
    title: 'comment or trailing comma',
    explain: [
      'Comments and commas before a closing bracket belong to other dialects. An inventory is strict JSON, so that every tool reads the same values out of it.',
      'Put what you wanted to say into "notes", of the cluster or of a host: notes reach the plan and the runbook, where the people who need them read them.',
    ],
  },
  INV003: {
    severity: 'error',
    title: 'key given twice in one object',
    explain: [
      'Most JSON readers silently take the last of two equal keys, some the first. A recovery must not depend on which.',
      'Remove one of the two. Both positions are shown.',
    ],
  },
  INV004: {
    severity: 'error',
    title: 'unknown key',
    explain: [
      'A key the inventory does not know is refused, not ignored: a misspelt "dataDirectory" would otherwise mean the default directory, and the scripts would work on the wrong one.',
      'The nearest known key is named where there is one. "plan schema" prints all of them; with "$schema" an editor completes them.',
    ],
  },
  INV005: {
    severity: 'error',
    title: 'required key missing',
    explain: [
      'Only what cannot be guessed is required: the name of the cluster, its hosts, and of each host its id, an address and its mode; for an API over https, three paths.',
      'Everything else has a default, which "plan schema" shows.',
    ],
  },
  INV006: {
    severity: 'error',
    title: 'value of the wrong type',
    explain: [
      'Text stands in double quotes, numbers do not, lists stand in square brackets even if they have one element.',
      'null is understood where it is a default, and means the same as leaving the key out.',
    ],
  },
  INV007: {
    severity: 'error',
    title: 'value is not one of those allowed',
    explain: [
      'The field takes one of a few words, which are listed. They are written in lower case, exactly as shown.',
    ],
  },
  INV008: {
    severity: 'error',
    title: 'malformed name',
    explain: [
      'Names of clusters, hosts, stacks, services and accounts end up in file names, lock names and commands that root runs. They are restricted to letters, digits and hyphens (for Swarm also underscores), so that no name can be taken for an option, a path or a pattern.',
      'A host id is the PGEDGE_HOST_ID of its service, as GET /v1/hosts lists it; it cannot be chosen anew here.',
    ],
  },
  INV009: {
    severity: 'error',
    title: 'malformed address',
    explain: [
      'An address is an IPv4 address in four decimal parts, an IPv6 address without brackets and without a zone ("%eth0"), or a host name, and it belongs to one machine: not the unspecified address, not a network or multicast.',
      'Ports are given under "ports". The scripts put brackets around IPv6 addresses themselves.',
    ],
  },
  INV010: {
    severity: 'error',
    title: 'malformed path',
    explain: [
      'Paths are absolute and plain: no empty, "." or ".." component, no slash at the end, no control or invisible characters, at most 1024 characters. Spaces and quotes are fine; every path is quoted in the scripts.',
      'A data directory has at least two components, because the scripts move directories aside inside it: "/data" alone is too near to the root to be a safe answer. The tools directory has no colon, because it becomes part of PATH.',
    ],
  },
  INV011: {
    severity: 'error',
    title: 'malformed hexadecimal value',
    explain: [
      'A SHA-256 has 64 lower-case hexadecimal digits, as sha256sum prints it. A machine id has 32, as /etc/machine-id holds it.',
    ],
  },
  INV012: {
    severity: 'error',
    title: 'number out of range, or not whole',
    explain: [
      'Ports are whole numbers from 1 to 65535, deadlines whole seconds from 1 to 86400, the token window whole seconds from 0 to 600, the revision bump a whole number of at least 1, or "none".',
    ],
  },
  INV013: {
    severity: 'error',
    title: 'text or list of the wrong length, or with characters that are not text',
    explain: [
      'A cluster has at least one host, a host at least one address and at most 16. Notes have at most 4000 characters and no control characters other than tab and line feed: they are printed on terminals and in the runbook.',
    ],
  },
  INV014: {
    severity: 'error',
    title: 'nested too deeply',
    explain: [
      'No inventory is nested more than a few levels. A text of dozens of brackets is not one, and is not read further.',
    ],
  },
  INV020: {
    severity: 'error',
    title: 'host id given twice',
    explain: [
      'The Control Plane knows a host by its id, and so do all scripts. Two hosts with one id are most often one host pasted twice.',
    ],
  },
  INV021: {
    severity: 'error',
    title: 'address given twice',
    explain: [
      'Scripts fence, probe and join hosts by address. With one address on two hosts, a probe of the one is answered by the other. Addresses are compared by meaning: 2001:db8::1 and 2001:0DB8:0::1 are the same, and so are names in upper and lower case.',
      'Several hosts on one machine are possible if all their ports differ (see INV022, INV023).',
    ],
  },
  INV022: {
    severity: 'error',
    title: 'ports collide on one address',
    explain: [
      'API, etcd client and etcd peer port are three listeners; on one address they need three ports, and hosts that share an address need six.',
      'The standard ports are 3000, 2379 and 2380. A port that is left out has its standard value, which may be the one that collides.',
    ],
  },
  INV023: {
    severity: 'warning',
    title: 'hosts share a machine',
    explain: [
      'Two hosts have the same address with different ports, so they run on one machine and fail together: two server hosts there are two votes lost at once.',
      'That is legal, and usual in tests. In production it is most often a pasted address.',
    ],
  },
  INV024: {
    severity: 'error',
    title: 'machine id given twice',
    explain: [
      'Scripts use the machine id to refuse to run on another machine. Hosts with one machine id but different addresses are a pasted value, or machines cloned from one image without a new id. For cloned machines run "systemd-machine-id-setup" after removing /etc/machine-id, or leave machineId out: the guard then goes by addresses.',
    ],
  },
  INV025: {
    severity: 'error',
    title: 'data directory shared by two hosts of one machine',
    explain: [
      'Hosts that share an address share a machine. In one data directory they would share etcd/, certificates/ and instances/, and moving the etcd of one aside would move that of the other.',
    ],
  },
  INV026: {
    severity: 'error',
    title: 'service name given twice',
    explain: [
      'Swarm service names are unique in a Swarm. Stopping the service of one host would stop that of the other. By default a service is named <stack>_<id>.',
    ],
  },
  INV027: {
    severity: 'error',
    title: 'service name too long',
    explain: [
      'Swarm allows 63 characters. The default <stack>_<id> is longer here, so the service cannot be named so. "docker service ls" shows its real name.',
    ],
  },
  INV028: {
    severity: 'warning',
    title: 'loopback address in a cluster of several hosts',
    explain: [
      'No other host can reach a host by its loopback address: every probe of it is answered, or refused, by the machine that asks.',
    ],
  },
  INV030: {
    severity: 'error',
    title: 'recovery host is not in the inventory',
    explain: ['"recovery.host" is the id of one of the hosts.'],
  },
  INV031: {
    severity: 'error',
    title: 'recovery host is a client host',
    explain: [
      'The snapshot is restored on a server host: only server hosts run an etcd and hold the certificates for one. A client host has nothing to restore to.',
    ],
  },
  INV032: {
    severity: 'error',
    title: 'recovery host is declared lost',
    explain: [
      'The recovery host runs phases 1 to 4 first, with its disk and its own certificates. It must be alive; or, where no server host is, replaced: a new machine with the same address, id and data directory, on which a snapshot is restored.',
      'A lost host that has come back with its disk is alive: say so. As long as it is only expected back, choose another.',
    ],
  },
  INV033: {
    severity: 'error',
    title: 'no server host',
    explain: [
      'Quorum is a matter of server hosts; without one there was no cluster. Most often "mode" is wrong: GET /v1/hosts shows etcd_mode, and in Swarm every manager is a server host unless its service sets PGEDGE_ETCD_MODE=client.',
    ],
  },
  INV034: {
    severity: 'error',
    title: 'quorum is not lost: wrong tool',
    explain: [
      'Of N server hosts, floor(N/2)+1 are the quorum. With that many alive, etcd elects a leader and the Control Plane API works; clients do not count. A recovery from total quorum loss would throw away a working cluster: its memberships, and the writes after the snapshot.',
      'Use the recovery of single hosts: with the API up, remove each lost host (DELETE /v1/hosts/<id>?force=true, after taking it out of its databases) and join it again. If the API does not answer although enough server hosts are alive, look at the Control Plane services and the network between the hosts first.',
      'For even N, half is not enough: of 4 server hosts 3 are the quorum, and with 2 lost it is lost.',
    ],
  },
  INV035: {
    severity: 'error',
    title: 'no server host is left to restore on',
    explain: [
      'A recovery begins on a server host that is alive or, if none is, on a new machine in the place of a lost one: same address or name (it is in the certificates), same host id, same data directory, and a snapshot. Declare that host "replaced", or a host that came back with its disk "alive".',
    ],
  },
  INV036: {
    severity: 'error',
    title: 'snapshot source contradicts the state of the recovery host',
    explain: [
      'Salvage takes the data the recovery host itself holds. A replaced machine holds none, so it needs a file: source "saved" or "raw", or "freshest" with a path.',
    ],
  },
  INV037: {
    severity: 'error',
    title: 'snapshot source needs a path',
    explain: [
      'Sources "saved" and "raw" are files that somebody put on the recovery host. Their path cannot be guessed.',
    ],
  },
  INV038: {
    severity: 'error',
    title: 'snapshot file given that would not be used',
    explain: [
      'Source "salvage" reads no file, and a SHA-256 pins the file at "path": without a path there is nothing to pin. A value that would be ignored is refused, because whoever wrote it expected something of it.',
      'With source "freshest" and a path, both the salvaged data and the file are looked at, and the one with the larger revision is taken.',
    ],
  },
  INV039: {
    severity: 'error',
    title: 'stack file missing for a total loss',
    explain: [
      'Where the recovery host is a new machine, the Swarm is gone as well: it is initialised anew and the Control Plane stack deployed from its stack file. Put the file on the recovery host and name its path in "swarm.stackFile".',
    ],
  },
  INV040: {
    severity: 'error',
    title: 'snapshot lies where it would be moved away',
    explain: [
      'The restore moves <dataDirectory>/etcd aside and puts the restored data in its place. A snapshot inside would move along and the restore would not find it.',
      'To restore from the database of the host itself use source "salvage", which works on a copy and loses nothing of the write-ahead log. Otherwise copy the file elsewhere first.',
    ],
  },
  INV041: {
    severity: 'warning',
    title: 'a single server host',
    explain: [
      'With one server host the quorum is one: its loss is total, and what it alone held is gone without a snapshot elsewhere. Schedule the snapshot script and keep its files on another machine.',
    ],
  },
  INV042: {
    severity: 'error',
    title: '--lost names a host that is not in the inventory',
    explain: [
      '"--lost" takes ids of hosts in the inventory, separated by commas, and declares them lost, not yet known how. A host that is missing from the inventory cannot be planned for.',
    ],
  },
  PLAN001: {
    severity: 'error',
    title: 'the plan file is not JSON',
    explain: [
      '"plan emit" and "plan explain" read the plan.json a compile has written. A copy that was cut short or edited is refused; take it from the bundle again, or compile anew.',
    ],
  },
  PLAN002: {
    severity: 'error',
    title: 'the plan file has another format',
    explain: [
      'The format version in a plan says which compiler understands it. Scripts are never made from a plan that is only half understood: use the version of plan that wrote it, or compile the inventory again.',
    ],
  },
  PLAN003: {
    severity: 'error',
    title: 'the plan file is malformed',
    explain: [
      'A plan has exactly the fields this compiler gives it, each of its shape. One that was edited by hand may look right and act wrongly, so nothing is emitted from it. Change the inventory and compile again.',
    ],
  },
  PLAN004: {
    severity: 'error',
    title: 'the order of the plan is broken',
    explain: [
      'Every step says what it needs and what it brings about. In this plan a step comes before what it needs, so its scripts would run in an order that destroys data. A compiled plan never has this: it was edited.',
    ],
  },
  CHK001: {
    severity: 'error',
    title: 'bash refuses a script',
    explain: [
      'An emitted script has a syntax error: a mistake of this compiler or of its templates, never of the inventory. Nothing was written. Please report it with the inventory.',
    ],
  },
  CHK002: {
    severity: 'error',
    title: 'ShellCheck finds fault with a script',
    explain: [
      'Every script is clean at severity style with the optional checks it names itself. A finding is a mistake of this compiler or of its templates, or comes from a ShellCheck newer than those tried. Nothing was written. Please report it.',
    ],
  },
  CHK003: {
    severity: 'error',
    title: 'line longer than 100 columns',
    explain: [
      'Scripts are read at night on narrow terminals. Only a line that holds one value of the inventory may be longer, because a value cannot be broken.',
    ],
  },
  CHK004: {
    severity: 'error',
    title: 'change outside the gate',
    explain: [
      'Every change goes through "mutate", which prints or runs the very same arguments: that is why looking shows what acting would do. A command that changes something anywhere else is a mistake of the templates.',
    ],
  },
  CHK005: {
    severity: 'error',
    title: 'secret in an argument list',
    explain: [
      'Arguments are visible to every user of the machine. Passwords and tokens travel in the environment of one command, on standard input, or in a file of mode 0600.',
    ],
  },
  CHK006: {
    severity: 'error',
    title: 'library differs between scripts',
    explain: [
      'The library is the same in every script, so that it is reviewed once. A script in which it differs was changed, or the templates changed while compiling.',
    ],
  },
  CHK007: {
    severity: 'error',
    title: 'script does not end with its guard',
    explain: [
      'The last lines run the script only if it is whole and not sourced: a copy cut short runs nothing.',
    ],
  },
  CHK008: {
    severity: 'error',
    title: 'construct the house forbids',
    explain: [
      'No eval, and no recursive removal of a path that may turn out empty. A mistake of the templates.',
    ],
  },
  CHK010: {
    severity: 'warning',
    title: 'scripts were not linted on this machine',
    explain: [
      'No ShellCheck could be had: none was given with "--shellcheck", none is on the PATH, and the wrapper could not download one. The scripts are written all the same, and the result says "linted": false.',
      'Install ShellCheck and compile again, or check the bundle where there is one: shellcheck --severity=style on its scripts gives the same verdict, because each names its optional checks itself. "--require-shellcheck" makes this an error.',
    ],
  },
  CHK011: {
    severity: 'error',
    title: 'ShellCheck is required and could not be had',
    explain: [
      '"--require-shellcheck" was given, or "--shellcheck" named a file that does not run. Nothing was written.',
    ],
  },
  CHK012: {
    severity: 'error',
    title: 'bash could not be run',
    explain: [
      '"bash -n" reads every script before it is written. Install bash 4.4 or newer, or fix the PATH.',
    ],
  },
  BUN001: {
    severity: 'error',
    title: 'file cannot be read',
    explain: ['The operating system refused, for the reason shown.'],
  },
  BUN002: {
    severity: 'error',
    title: 'directory is not a bundle',
    explain: [
      'A bundle is replaced only as a whole, and only where its own SHA256SUMS shows that it is one: anything else in that place is not ours to touch. Give "--out" a directory that does not exist, is empty, or holds a bundle.',
    ],
  },
  BUN003: {
    severity: 'error',
    title: 'directory holds files that are not of the bundle',
    explain: [
      'Replacing the bundle would take them along. Move them elsewhere, or compile to another directory.',
    ],
  },
  BUN004: {
    severity: 'error',
    title: 'file of the bundle was changed by hand',
    explain: [
      'Replacing the bundle would lose the change, such as ticked boxes in a runbook. Compile to another directory and compare, or remove the old bundle yourself.',
    ],
  },
  BUN005: {
    severity: 'error',
    title: 'bundle cannot be written',
    explain: [
      'The operating system refused, for the reason shown. The directory is as it was before: a bundle is written beside it and takes its place only when it is whole.',
    ],
  },
  BUN010: {
    severity: 'error',
    title: 'file is missing from the bundle',
    explain: [
      'The inventory and this compiler give a file that the compared directory does not have.',
    ],
  },
  BUN011: {
    severity: 'error',
    title: 'file of the bundle differs',
    explain: [
      'The compared directory holds another text than the inventory and this compiler give: the inventory changed, the compiler did, or somebody edited the file.',
    ],
  },
  BUN012: {
    severity: 'error',
    title: 'file does not belong to the bundle',
    explain: [
      'The compared directory holds a file that the inventory does not give. A script left over from an earlier compile could be run by mistake.',
    ],
  },
  BUN013: {
    severity: 'error',
    title: 'file has another mode',
    explain: [
      'Scripts are executable, the other files are not. Copying through some tools loses that.',
    ],
  },
} as const satisfies Readonly<Record<string, CodeEntry>>;

/** A code of the catalogue. */
export type Code = keyof typeof codes;

/** Whether a text is a code of the catalogue, spelt as in it. */
export function isCode(text: string): text is Code {
  return Object.hasOwn(codes, text);
}

/** The page of `plan explain CODE`, ending in a line feed; null for what is no code. */
export function explain(text: string): string | null {
  const code = text.toUpperCase();
  if (!isCode(code)) return null;
  const entry: CodeEntry = codes[code];
  return [`${code} (${entry.severity}): ${entry.title}`, ...entry.explain.map(wrap)]
    .join('\n\n')
    .concat('\n');
}

function wrap(paragraph: string): string {
  const lines: string[] = [];
  let line = '';
  for (const word of paragraph.split(' ')) {
    if (line !== '' && line.length + word.length + 1 > 80) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line].join('\n');
}

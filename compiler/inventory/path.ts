// Paths on a host: what they may consist of, which are not for data, and which lie in each other.

// No control, format (bidirectional overrides), surrogate, ignorable or line-separator characters, and
// of the spaces only the ordinary one: bash must get exactly what a reviewer sees in the script.
const unseen =
  '\\p{Cc}\\p{Cf}\\p{Cs}\\p{Zl}\\p{Zp}\\p{Default_Ignorable_Code_Point}' +
  '\\u00a0\\u1680\\u2000-\\u200a\\u202f\\u205f\\u2800\\u3000';
const component = (but = '') => `(\\/(?!\\.{1,2}(\\/|$))[^\\/${but}${unseen}]+)`;

/** An absolute path; one of at least two components; one that can stand in PATH. */
export const absolutePath = new RegExp(`^${component()}+$`, 'u');
export const deepPath = new RegExp(`^${component()}{2,}$`, 'u');
export const searchPath = new RegExp(`^${component(':')}+$`, 'u');

/** Linux allows 4096 bytes with the NUL at the end. The rest is for the names that scripts append. */
const longestPath = 3584;
const longestComponent = 255;
/** What fits into sun_path of unix(7), with the NUL at the end. */
const longestSocket = 107;

/** Whether a path fits into the limits of Linux, with the names that scripts append. */
export function fits(path: string): boolean {
  return (
    Buffer.byteLength(path) <= longestPath &&
    path.split('/').every((part) => Buffer.byteLength(part) <= longestComponent)
  );
}

/** Whether a path fits into the address of a socket. */
export function fitsSocket(path: string): boolean {
  return Buffer.byteLength(path) <= longestSocket;
}

/** Directories of the system. Data is in a directory of its own. */
const system = [
  ...[
    '/bin',
    '/boot',
    '/dev',
    '/etc',
    '/home',
    '/lib',
    '/lib32',
    '/lib64',
    '/media',
    '/mnt',
    '/opt',
  ],
  ...['/proc', '/root', '/run', '/sbin', '/srv', '/sys', '/tmp', '/usr', '/var'],
  ...[
    '/etc/docker',
    '/etc/ssl',
    '/etc/systemd',
    '/usr/bin',
    '/usr/lib',
    '/usr/lib32',
    '/usr/lib64',
  ],
  ...['/usr/libexec', '/usr/sbin', '/usr/share', '/usr/src', '/usr/local', '/usr/local/bin'],
  ...['/usr/local/etc', '/usr/local/lib', '/usr/local/sbin', '/usr/local/share', '/var/backups'],
  ...[
    '/var/cache',
    '/var/lib',
    '/var/lib/containerd',
    '/var/lib/docker',
    '/var/lib/docker/volumes',
  ],
  ...[
    '/var/lib/systemd',
    '/var/local',
    '/var/lock',
    '/var/log',
    '/var/mail',
    '/var/opt',
    '/var/run',
  ],
  ...['/var/spool', '/var/tmp', '/run/docker', '/run/user', '/opt/containerd', '/root/.ssh'],
] as const;

/** Where the kernel shows devices and itself, and nothing is on a disk. */
const virtual = ['/dev', '/proc', '/sys'] as const;

/** The directory of the system that a path is, or contains; or null. */
export function systemDirectory(path: string): string | null {
  const found = system.find((each) => isInside(each, path));
  return found ?? virtual.find((each) => isInside(path, each)) ?? null;
}

/** `/dev`, `/proc` or `/sys`, if the path is there. */
export function virtualDirectory(path: string): string | null {
  return virtual.find((each) => isInside(path, each)) ?? null;
}

/** Whether a path is a directory, or lies in it. */
export function isInside(path: string, directory: string): boolean {
  return `${path}/`.startsWith(`${directory}/`);
}

/** The directories above a path, the nearest first, without the root. */
export function above(path: string): readonly string[] {
  const parts = path.split('/').slice(1, -1);
  return parts.map((_, index) => `/${parts.slice(0, parts.length - index).join('/')}`);
}

/** What a script renames in a data directory before its host comes back. */
export const setAside = ['etcd', 'certificates'] as const;

// A value -> which other file of plan or of the Control Plane it is, if it is not an inventory.

/** What a file is, and the command that reads it. */
export interface OtherKind {
  readonly what: string;
  readonly command: string;
}

/** What a JSON value is if it is clearly no inventory; or null. */
export function otherKind(value: unknown, file: string): OtherKind | null {
  if (Array.isArray(value)) return hostsOf(value) ? answer(file) : null;
  if (!isObject(value)) return null;
  const { format, hosts, cluster, $schema, properties } = value;
  if (typeof format === 'string' && format.startsWith('plan/')) {
    return { what: 'a plan', command: `plan emit ${shellWord(file)} --out DIRECTORY` };
  }
  if (typeof format === 'string' && format.startsWith('evidence/')) {
    return {
      what: 'evidence of triage.sh',
      command: `plan choose ${shellWord(file)} INVENTORY`,
    };
  }
  if (isObject(value.services)) return stack(file);
  if (cluster === undefined && hostsOf(hosts)) return answer(file);
  if (typeof $schema === 'string' && isObject(properties)) {
    return { what: 'a JSON Schema', command: 'plan compile INVENTORY' };
  }
  return null;
}

/** The same for a text that is not JSON. */
export function otherText(text: string, file: string): OtherKind | null {
  if (/^(?:services|"services"|'services'):/mu.test(text)) {
    return stack(file);
  }
  return null;
}

/** A name as a shell reads it back. */
export function shellWord(name: string): string {
  return /^[\w./-]+$/u.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`;
}

/** Whether a value is an inventory, as opposed to a plan. */
export function isInventory(value: unknown): boolean {
  return isObject(value) && typeof value.cluster === 'string' && Array.isArray(value.hosts);
}

function answer(file: string): OtherKind {
  return {
    what: 'an answer of GET /v1/hosts',
    command: `plan init --from-hosts ${shellWord(file)}`,
  };
}

function stack(file: string): OtherKind {
  return { what: 'a stack file', command: `plan init --from-stack ${shellWord(file)}` };
}

/** Whether these are host records of the API. */
function hostsOf(value: unknown): boolean {
  if (!Array.isArray(value)) return false;
  const [first]: readonly unknown[] = value;
  return isObject(first) && 'orchestrator' in first && 'data_dir' in first;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

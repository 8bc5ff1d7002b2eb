// Turns a recorded answer and the stand-in's answer into the list of their differences.

/** One exchange of a recording (test/fixtures/recordings). */
export type Recorded = {
  readonly note: string;
  readonly host: string;
  readonly method: string;
  readonly path: string;
  readonly request?: unknown;
  readonly request_raw?: string;
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly body_text?: string;
  /** What the client saw instead of an answer. */
  readonly error?: string;
};

/** What came back from the stand-in, or what went wrong instead. */
export type Answer = {
  readonly status?: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  readonly error?: 'refused' | 'timeout' | string;
};

/**
 * Ids and tokens differ from run to run but stay the same within one: what the recording calls X
 * is what the stand-in calls Y, everywhere.
 */
export type Names = Map<string, string>;

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;
const token = /^PGEDGE-[0-9a-f]{64}-[0-9a-f]{32}$/;
const goaId = /^[\w-]{8}$/;

/** Keys whose strings belong to the machine or the run: only their being strings is compared. */
const ofTheRun = new Set(
  ['arch', 'revision', 'revision_time', 'data_dir', 'member_id', 'memory', 'hostname'].concat([
    'ipv4_address',
    'peer_addresses',
    'client_addresses',
    'server_url',
    'server_urls',
  ]),
);
/** Keys whose booleans tell something about the answer and not about the machine. */
const tellingFlags = new Set(['healthy', 'fault', 'temporary', 'timeout', 'db_owner']);
/** Left out of the recordings: the long lists of supported Postgres versions. */
const leftOut = new Set(['supported_pgedge_versions']);

/**
 * Compares status, content type, goa-error header and body.
 *
 * @returns one line per difference; none where the stand-in answered as recorded.
 */
export function differences(recorded: Recorded, answer: Answer, names: Names): readonly string[] {
  if (recorded.error !== undefined || answer.error !== undefined) {
    const wanted = recorded.error?.includes('refused') ? 'refused' : 'timeout';
    const seen = answer.error ?? `status ${answer.status}`;
    if (recorded.error === undefined) return [`expected status ${recorded.status}, saw ${seen}`];
    return wanted === seen ? [] : [`expected ${wanted}, saw ${seen}`];
  }
  const found: string[] = [];
  if (recorded.status !== answer.status) {
    found.push(`status: expected ${recorded.status}, saw ${answer.status}`);
  }
  for (const header of ['content-type', 'goa-error']) {
    const [wanted, seen] = [recorded.headers?.[header], answer.headers[header]];
    if (wanted !== seen) found.push(`${header}: expected ${wanted}, saw ${seen}`);
  }
  if (recorded.body === undefined) {
    const text = recorded.body_text ?? '';
    if (text !== answer.text)
      found.push(`body: expected ${quote(text)}, saw ${quote(answer.text)}`);
    return found;
  }
  let body: unknown;
  try {
    body = JSON.parse(answer.text);
  } catch {
    return [...found, `body: expected JSON, saw ${quote(answer.text)}`];
  }
  compare(recorded.body, body, 'body', '', names, found);
  return found;
}

function compare(
  wanted: unknown,
  seen: unknown,
  path: string,
  key: string,
  names: Names,
  found: string[],
): void {
  if (kind(wanted) !== kind(seen)) {
    found.push(`${path}: expected ${kind(wanted)}, saw ${kind(seen)} ${quote(seen)}`);
  } else if (Array.isArray(wanted) && Array.isArray(seen)) {
    if (wanted.length !== seen.length) {
      found.push(`${path}: expected ${wanted.length} elements, saw ${seen.length}`);
      return;
    }
    for (const [index, one] of wanted.entries()) {
      compare(one, seen[index], `${path}[${index}]`, key, names, found);
    }
  } else if (isObject(wanted) && isObject(seen)) {
    compareObjects(wanted, seen, path, names, found);
  } else if (typeof wanted === 'string' && typeof seen === 'string') {
    if (!sameText(wanted, seen, key, names)) {
      found.push(`${path}: expected ${quote(wanted)}, saw ${quote(seen)}`);
    }
  } else if (typeof wanted === 'boolean' && tellingFlags.has(key) && wanted !== seen) {
    found.push(`${path}: expected ${wanted}, saw ${String(seen)}`);
  }
}

function compareObjects(
  wanted: Readonly<Record<string, unknown>>,
  seen: Readonly<Record<string, unknown>>,
  path: string,
  names: Names,
  found: string[],
): void {
  for (const key of Object.keys(wanted)) {
    if (!(key in seen)) found.push(`${path}.${key}: missing`);
    else compare(wanted[key], seen[key], `${path}.${key}`, key, names, found);
  }
  for (const key of Object.keys(seen)) {
    if (!(key in wanted) && !leftOut.has(key)) found.push(`${path}.${key}: not in the recording`);
  }
}

function sameText(wanted: string, seen: string, key: string, names: Names): boolean {
  if (ofTheRun.has(key)) return true;
  if (time.test(wanted)) return time.test(seen);
  for (const form of [uuid, token]) {
    if (form.test(wanted)) return form.test(seen) && sameName(wanted, seen, names);
  }
  if (key === 'id' && goaId.test(wanted) && wanted !== seen) return goaId.test(seen);
  // The recording cuts long errors short.
  if (wanted.endsWith(' ...')) return seen.startsWith(wanted.slice(0, -' ...'.length));
  return wanted === seen;
}

function sameName(wanted: string, seen: string, names: Names): boolean {
  const known = names.get(wanted);
  if (known === undefined) names.set(wanted, seen);
  return known === undefined || known === seen;
}

function kind(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return kind(value) === 'object';
}

function quote(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 160 ? `${text.slice(0, 157)}...` : text;
}

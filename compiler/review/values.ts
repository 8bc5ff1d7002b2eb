// Two plans as JSON -> the values that differ, as people name them.

/** A value that was changed, added or removed. Null: it is not there. */
export interface ValueChange {
  /** Such as `host-2: address`. */
  readonly name: string;
  readonly before: string | null;
  readonly after: string | null;
}

/** The values that differ between two plans. Scripts and steps are compared in the scripts. */
export function changedValues(before: unknown, after: unknown): readonly ValueChange[] {
  const [old, now] = [flat(before), flat(after)];
  const names = [...new Set([...old.keys(), ...now.keys()])];
  return names.flatMap((name) => {
    const [a, b] = [old.get(name) ?? [], now.get(name) ?? []];
    const gone = a.filter((each) => !b.includes(each));
    const come = b.filter((each) => !a.includes(each));
    if (gone.length + come.length === 0) {
      return a.join() === b.join()
        ? []
        : [{ name: `${name} (order)`, before: a.join(', '), after: b.join(', ') }];
    }
    return Array.from({ length: Math.max(gone.length, come.length) }, (_, at) => ({
      name,
      before: gone[at] ?? null,
      after: come[at] ?? null,
    }));
  });
}

/** The scalars of a plan by name. A list of scalars is one name with several values. */
function flat(plan: unknown): ReadonlyMap<string, readonly string[]> {
  const values = new Map<string, readonly string[]>();
  const { cluster, recovery, quorum, ...rest } = objectOf(plan);
  const { hosts, ...others } = objectOf(cluster);
  for (const host of Array.isArray(hosts) ? hosts : []) {
    const { id, ...own } = objectOf(host);
    values.set(`${id}`, ['in the cluster']);
    put(values, `${id}: `, own);
  }
  put(values, 'cluster ', others);
  put(values, 'recovery ', objectOf(recovery));
  put(values, 'quorum ', objectOf(quorum));
  if (typeof rest.inventory === 'string') {
    values.set('inventory digest', [rest.inventory.slice(0, 12)]);
  }
  for (const key of ['format', 'name']) {
    if (key in rest) values.set(`plan ${key}`, [scalar(rest[key])]);
  }
  return values;
}

function put(
  values: Map<string, readonly string[]>,
  prefix: string,
  given: Readonly<Record<string, unknown>>,
): void {
  for (const [key, value] of Object.entries(given)) {
    if (Array.isArray(value)) {
      values.set(`${prefix}${key === 'addresses' ? 'address' : key}`, value.map(scalar));
    } else if (typeof value === 'object' && value !== null) {
      put(values, `${prefix}${key}.`, objectOf(value));
    } else {
      values.set(`${prefix}${key}`, [scalar(value)]);
    }
  }
}

function scalar(value: unknown): string {
  return value === null ? 'none' : typeof value === 'string' ? value : JSON.stringify(value);
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

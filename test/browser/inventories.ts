// Inventories that are hard to show: hostile and very long values, and many hosts.

/** Markup that would load, run and restyle something if it became part of a page. */
export const evil =
  "</style></svg><script>document.title='run'</script><img src='http://192.0.2.1/x' onerror=x>";

const path = `/srv/${evil.replaceAll('/', '_')}/${'d'.repeat(150)}/${'d'.repeat(150)}`;

/** Markup in every free text, and every name as long as it may be. */
export const hostile = {
  cluster: 'm'.repeat(40),
  notes: `${evil}\n\n\t${'n'.repeat(300)}\nעברית`,
  hosts: ['w'.repeat(63), `${'m'.repeat(30)}-${'w'.repeat(32)}`, 'host-3'].map((id, index) => ({
    id,
    addresses: [`${index}${'a'.repeat(60)}.${'b'.repeat(60)}.example.com`, `2001:db8::${index}`],
    mode: 'server',
    service: `service-${index}`,
    dataDirectory: path,
    state: index === 0 ? 'alive' : 'lost',
    notes: evil,
  })),
  recovery: { snapshot: { source: 'freshest', path } },
};

/** So many scripts that only the first of each kind has a section. */
export const many = {
  cluster: 'many',
  hosts: [
    ...['alive', 'returning', 'lost'].map((state, index) => ({
      ...{ id: `server-${index + 1}`, addresses: [`10.0.0.${index + 1}`], mode: 'server', state },
    })),
    ...Array.from({ length: 60 }, (_, index) => ({
      id: `client-${index + 1}`,
      addresses: [`10.0.1.${index + 1}`],
      mode: 'client',
      state: ['alive', 'lost', 'replaced', 'gone'][index % 4],
    })),
  ],
};

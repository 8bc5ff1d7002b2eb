// `plan pack`: a bundle becomes archives that are carried to the hosts.

import { Command } from 'commander';
import type { PackOutcome } from '../pack/pack.ts';
import { describe } from './help.ts';
import { count, type OutputOptions, outputOptions, print, report } from './output.ts';
import { progressLine } from './progress.ts';

interface PackOptions extends OutputOptions {
  readonly out?: string;
  readonly sign?: string;
}

/** `plan pack` */
export function packCommand(): Command {
  const command = new Command('pack')
    .description('Pack a bundle into one .tar.gz for each host, and one for all.')
    .argument('<directory>', 'directory of a bundle')
    .option('--out <directory>', 'write the archives to this directory (default: BUNDLE-packed)')
    .option('--sign <path>', 'sign SHA256SUMS with this private key, by ssh-keygen');
  return describe(outputOptions(command).action(run), {
    examples: [
      ['plan pack recovery', 'write recovery-packed/CLUSTER-HOST.tar.gz for each host'],
      ['plan pack recovery --sign ~/.ssh/id_ed25519', 'with a signature in each archive'],
    ],
    exits: { 0: 'packed', 1: 'the bundle is not as stated in SHA256SUMS', 2: 'could not run' },
    remark:
      'The same bundle gives the same bytes on every machine. An archive is never overwritten with other bytes.',
  });
}

async function run(directory: string, options: PackOptions): Promise<void> {
  const line = progressLine();
  const { pack } = await import('../pack/pack.ts');
  const { out = null, sign: key = null } = options;
  let packed: PackOutcome;
  try {
    packed = pack(directory, { out, key, progress: line.show });
  } finally {
    line.clear();
  }
  if ((await report(packed, options)) && packed.result !== null) print(packWords(packed.result));
}

/** The archives, and two lines that verify one on a host with tar and coreutils alone. */
function packWords(result: NonNullable<PackOutcome['result']>): string {
  const { archives, folder, manifest, signed } = result;
  const [first] = archives;
  const name = first?.file.split('/').at(-1) ?? '';
  return [
    ...archives.map(({ file, host, files, bytes, state }) => {
      const size = `${(bytes / 1_000_000).toFixed(1)} MB`;
      return `${file}: ${host ?? 'all hosts'}, ${count(files, 'file')}, ${size}, ${state}`;
    }),
    `SHA256SUMS sha256:${manifest} (the same in every archive; compare it with the one on paper)`,
    ...(signed
      ? [`signed: "plan verify ... --allowed-signers FILE --identity NAME" checks it`]
      : []),
    '',
    `To unpack an archive on its host, and to verify it:`,
    `  tar -xzf ${name} && cd ${folder} && echo '${manifest}  SHA256SUMS' | sha256sum --check`,
    '  sha256sum --check --ignore-missing --quiet SHA256SUMS && echo as stated',
    '',
  ].join('\n');
}

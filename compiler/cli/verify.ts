// `plan verify`: whether a bundle or an archive is what was compiled.

import { Command } from 'commander';
import type { Verified } from '../pack/verify.ts';
import { describe } from './help.ts';
import { count, type OutputOptions, outputOptions, print, report, usage } from './output.ts';

interface VerifyOptions extends OutputOptions {
  readonly digest?: string;
  readonly allowedSigners?: string;
  readonly identity?: string;
}

/** `plan verify` */
export function verifyCommand(): Command {
  const command = new Command('verify')
    .description('Verify a bundle, or an archive of plan pack, without unpacking it.')
    .argument('<bundle>', 'directory of a bundle, or a .tar.gz of plan pack')
    .option('--digest <sha256>', 'SHA256SUMS must have this SHA-256, such as the one on paper')
    .option('--allowed-signers <file>', 'it must be signed by a key in this file (see ssh-keygen)')
    .option('--identity <name>', 'the signer in that file');
  return describe(outputOptions(command).action(run), {
    examples: [
      ['plan verify recovery-packed/acme-host-1.tar.gz', 'is every file as stated?'],
      ['plan verify recovery --digest 3f1d...', 'and is it the bundle that was reviewed?'],
      [
        'plan verify acme-all.tar.gz --allowed-signers signers --identity ops@example.com',
        'and who signed it?',
      ],
    ],
    exits: { 0: 'as stated', 1: 'something differs', 2: 'could not run' },
  });
}

async function run(target: string, options: VerifyOptions, command: Command): Promise<void> {
  const { digest = null, allowedSigners: allowed, identity } = options;
  if (digest !== null && !/^[0-9a-f]{64}$/u.test(digest)) {
    usage(command, '--digest is not a SHA-256 of 64 hexadecimal digits in lower case');
  }
  if ((allowed === undefined) !== (identity === undefined)) {
    usage(command, '--allowed-signers and --identity are given together');
  }
  const signer = allowed === undefined || identity === undefined ? null : { allowed, identity };
  const { verify } = await import('../pack/verify.ts');
  const verified = await verify(target, { digest, signer });
  if ((await report(verified, options)) && verified.result !== null) {
    print(verifyWords(target, verified.result));
  }
}

function verifyWords(target: string, result: NonNullable<Verified['result']>): string {
  const { files, hosts, absent, manifest, digest, signature } = result;
  const without = absent.length === 0 ? '' : `; without those of ${absent.join(', ')}`;
  const compare = digest === 'as given' ? 'as given' : 'compare it with the one on paper';
  return [
    `${target}: ${count(files, 'file')}, as stated; scripts of ${hosts.join(', ')}${without}`,
    `SHA256SUMS sha256:${manifest} (${compare})`,
    ...(signature === 'none' ? [] : [`signature: ${signature}`]),
    '',
  ].join('\n');
}

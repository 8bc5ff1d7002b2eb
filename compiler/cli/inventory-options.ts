// What the commands that read an inventory share.

import { Command, InvalidArgumentError } from 'commander';

/** Options of an inventory. */
export interface InventoryOptions {
  readonly lost?: readonly string[];
}

/** A command that reads an inventory, with `--lost`. */
export function inventoryCommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .argument('<inventory>', 'inventory file in JSON (see: plan schema)')
    .option('--lost <ids>', 'ids of lost hosts, separated by commas', commas);
}

/** The option that counts warnings as errors. */
export const strictOption = ['--strict', 'count warnings as errors'] as const;

/** The option that puts tools into the bundle. */
export const toolsOption = [
  '--tools <directory>',
  'put etcd, etcdctl, etcdutl 3.6 and jq from this directory into the bundle, for hosts without them',
] as const;

/** Ids separated by commas. If the option is given again, they add up. */
export function commas(ids: string, before: readonly string[] = []): readonly string[] {
  const given = ids.split(',').map((id) => id.trim());
  if (given.includes('')) throw new InvalidArgumentError('It takes ids, separated by commas.');
  return [...before, ...given];
}

/** A value that is given once, and is not empty. */
export function once(value: string, before?: string): string {
  if (value === '') throw new InvalidArgumentError('It is empty.');
  if (before !== undefined)
    throw new InvalidArgumentError(`It is given twice, also as '${before}'.`);
  return value;
}

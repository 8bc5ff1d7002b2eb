// What the commands that read an inventory share.

import { Command } from 'commander';

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

/** Ids separated by commas. */
export function commas(ids: string): readonly string[] {
  return ids.split(',').filter((id) => id !== '');
}

// What a source says about the hosts of a cluster. What it does not say is left out.

import type { HostMode } from '../hosts.ts';

/** A fact, or how to find it out. */
export type Learned<Fact> = Fact | { readonly ask: string };

/** What one source says about one host. */
export interface HostFacts {
  readonly id: Learned<string>;
  readonly addresses?: Learned<readonly string[]>;
  readonly mode?: Learned<HostMode>;
  readonly dataDirectory?: Learned<string>;
  readonly apiPort?: Learned<number>;
  readonly etcdClientPort?: Learned<number>;
  readonly etcdPeerPort?: Learned<number>;
  /** The name of its service in the stack file. */
  readonly serviceKey?: string;
  /** Id of its Swarm node. */
  readonly node?: string;
  /** Remarks for people, each a sentence. */
  readonly remarks?: readonly string[];
}

/** Paths of the API's certificates on every host. */
export interface Certificates {
  readonly caCert: Learned<string>;
  readonly clientCert: Learned<string>;
  readonly clientKey: Learned<string>;
}

/** What one source says. */
export interface Facts {
  /** How people know it: an address or the name of a file. */
  readonly source: string;
  /** Whether it lists the hosts of the cluster, or only what was deployed. */
  readonly authority: 'cluster' | 'stack';
  readonly hosts: readonly HostFacts[];
  readonly clusterId?: string;
  readonly version?: string;
  readonly scheme?: Learned<'http' | 'https'>;
  readonly certificates?: Certificates;
  readonly stack?: string;
  readonly dockerSocket?: Learned<string>;
}

/** Whether a fact has still to be found out. */
export function isOpen<Fact>(learned: Learned<Fact>): learned is { readonly ask: string } {
  return typeof learned === 'object' && learned !== null && 'ask' in learned;
}

import type { Readable } from 'node:stream';
import type { Descriptor, NamedDescriptor } from '../content/descriptor.js';
import type { Region } from '../disk/region.js';

/** A manifest attached to another: a signature, an SBOM, an attestation. */
export interface Referrer {
  descriptor: Descriptor;
  /** The tag it hangs on, where it is attached by cosign's convention (`sha256-<hex>.sig`) only. */
  tag?: string;
  /** What it is called where it is kept, if that says a repository too. */
  name?: string;
}

export interface SignalOption {
  signal?: AbortSignal | undefined;
}

export interface FetchOptions extends SignalOption {
  /** First byte wanted; default 0. */
  start?: number | undefined;
  /** Bytes wanted; default all that follow. A store that cannot stop there gives more. */
  length?: number | undefined;
}

/** Opens the same content again, from `start`; retry and resume rest on it. */
export type OpenContent = (options?: FetchOptions) => Promise<Readable>;

export interface PushOptions extends SignalOption {
  /** Called for every stretch of bytes that is kept, first for those that an earlier try left behind. */
  onBytes?: ((bytes: number, origin: 'kept' | 'fetched') => void) | undefined;
  /** Where the same bytes lie on this machine's disk: a store that only passes them on reads them there faster. */
  region?: Region | undefined;
}

/** Content to look for: a descriptor, or the digest alone of a blob whose size is not known (a layer of schema1). */
export type Wanted = Pick<Descriptor, 'digest'> & Partial<Pick<Descriptor, 'mediaType' | 'size'>>;

/** The manifest that a name stands for. `made`: lading wrote it, so its layers may be compressed anew. */
export interface Resolved extends Descriptor {
  origin?: 'stored' | 'made';
}

/** A place that keeps content, to read from: an archive, a layout, a repository of a registry. */
export interface Source {
  /** The place, as errors name it. */
  readonly location: string;
  /** Whether the bytes lie on this machine: damage is then permanent, and asking again does not help. */
  readonly isLocal: boolean;
  /** The manifest that a name or a digest stands for; rejects with `NOT_FOUND`. */
  resolve(reference: string, options?: SignalOption): Promise<Resolved>;
  /** How many bytes of the content are there, or undefined when it is absent. Its digest is not checked. */
  sizeOf(content: Wanted, options?: SignalOption): Promise<number | undefined>;
  /** Raw bytes from `start`, not verified; rejects with `NOT_FOUND`. */
  fetch(descriptor: Descriptor, options?: FetchOptions): Promise<Readable>;
  /** Every name the store holds, and what it stands for. */
  names(options?: SignalOption): AsyncIterable<NamedDescriptor>;
  /** What is attached to `subject`: by its `subject` member, by the fallback tag, by cosign's tags. */
  referrers(subject: Descriptor, options?: SignalOption): AsyncIterable<Referrer>;
  /** Where the bytes lie on this machine's disk: a faster way to the same bytes, and nothing else. */
  region?(descriptor: Descriptor): Promise<Region | undefined>;
  close(): Promise<void>;
}

/** A place that keeps content, to write to as well. */
export interface Store extends Source {
  /**
   * Called with everything that is to come, in the order of its places, before the first push. What an earlier
   * run left behind is taken up here; rejects with `NO_SPACE` when the rest will not fit.
   */
  prepare?(contents: readonly Descriptor[], options?: SignalOption): Promise<void>;
  /** Keeps content: verifies while writing, idempotent, all or nothing. Goes on where a failed push stopped. */
  push(descriptor: Descriptor, open: OpenContent, options?: PushOptions): Promise<void>;
  /**
   * Makes a manifest that was found to be there findable from its subject, where it is not: an earlier run may have
   * ended between the two. What `push` has put there is.
   */
  link?(descriptor: Descriptor, bytes: Buffer, options?: SignalOption): Promise<void>;
  /** Says that announced content will not come after all, or is not needed: nothing waits for it, or is left of it. */
  abandon?(descriptor: Descriptor): void;
  /** Names a manifest that is in the store; an older holder of the name loses it. */
  tag(descriptor: Descriptor, reference: string): Promise<void>;
  /** Makes what was pushed final under its name; without it, `close` leaves only what a later run can go on from. */
  commit?(): Promise<void>;
}

/** Whether a store has content with the size that its descriptor says. */
export async function has(
  store: Pick<Source, 'sizeOf'>,
  descriptor: Descriptor,
  options?: SignalOption,
): Promise<boolean> {
  return (await store.sizeOf(descriptor, options)) === descriptor.size;
}

import type { Readable } from 'node:stream';
import type { Descriptor, NamedDescriptor } from '../content/descriptor.js';
import type { Digest } from '../content/digest.js';
import type { Region } from '../disk/region.js';

/** A manifest attached to another: a signature, an SBOM, an attestation. */
export interface Referrer {
  descriptor: Descriptor;
  /** The tag it hangs on, where it is attached by cosign's convention (`sha256-<hex>.sig`) only. */
  tag?: string;
  /** What it is called where it is kept, if that says a repository too. */
  name?: string;
}

export interface FetchOptions {
  /** First byte wanted; default 0. */
  start?: number | undefined;
  /** Bytes wanted; default all that follow. A store that cannot stop there gives more. */
  length?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** Opens the same content again, from `start`; retry and resume rest on it. */
export type OpenContent = (options?: FetchOptions) => Promise<Readable>;

export interface PushOptions {
  signal?: AbortSignal | undefined;
  /** Told of every stretch of bytes that is kept, first of those that an earlier try left behind. */
  onBytes?: ((bytes: number, origin: 'kept' | 'fetched') => void) | undefined;
  /** Where the same bytes lie on this machine's disk: a store that only passes them on reads them there faster. */
  region?: Region | undefined;
}

/** A place that keeps content, to read from. */
export interface ReadonlyStore {
  /** The manifest that a name or a digest stands for; rejects with `NOT_FOUND`. */
  resolve(reference: string, options?: { signal?: AbortSignal | undefined }): Promise<Descriptor>;
  /** A blob of which only the digest is known (a schema1 layer); rejects with `NOT_FOUND`. */
  resolveBlob(digest: Digest, options?: { signal?: AbortSignal | undefined }): Promise<Descriptor>;
  exists(descriptor: Descriptor, options?: { signal?: AbortSignal | undefined }): Promise<boolean>;
  /** Raw bytes from `start`, not verified; rejects with `NOT_FOUND`. */
  fetch(descriptor: Descriptor, options?: FetchOptions): Promise<Readable>;
  /** Every name the store holds. */
  references(options?: { signal?: AbortSignal | undefined }): AsyncIterable<NamedDescriptor>;
  /** What is attached to `subject`: by its `subject` member, by the fallback tag, by cosign's tags. */
  referrers(subject: Descriptor, options?: { signal?: AbortSignal | undefined }): AsyncIterable<Referrer>;
  /** Where the bytes lie on this machine's disk, for readers that go there themselves. */
  region?(descriptor: Descriptor): Promise<Region | undefined>;
  close(): Promise<void>;
}

export interface Store extends ReadonlyStore {
  /**
   * Told of everything that is to come, in the order of its places, before the first push. What an earlier
   * run left behind is taken up here; rejects with `NO_SPACE` when the rest will not fit.
   */
  prepare?(contents: readonly Descriptor[], options?: { signal?: AbortSignal | undefined }): Promise<void>;
  /** Keeps content: verifies while writing, idempotent, all or nothing. Goes on where a failed push stopped. */
  push(descriptor: Descriptor, open: OpenContent, options?: PushOptions): Promise<void>;
  /**
   * Makes a manifest that was found to be there findable from its subject, where it is not: an earlier run may have ended
   * between the two. What `push` has put there is.
   */
  link?(descriptor: Descriptor, bytes: Buffer, options?: { signal?: AbortSignal | undefined }): Promise<void>;
  /** Told that announced content will not come after all, or is not needed: nothing waits for it, or is left of it. */
  abandon?(descriptor: Descriptor): void;
  /** Names a manifest that is in the store; an older holder of the name loses it. */
  tag(descriptor: Descriptor, reference: string): Promise<void>;
  /** Makes what was pushed final under its name; without it, `close` leaves only what a later run can go on from. */
  commit?(): Promise<void>;
}

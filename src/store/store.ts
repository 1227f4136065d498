import type { Readable } from 'node:stream';
import type { Descriptor, NamedDescriptor } from '../content/descriptor.js';
import type { Region } from '../disk/region.js';

/** A manifest attached to another: a signature, an SBOM, an attestation. */
export interface Referrer {
  descriptor: Descriptor;
  /** The tag that attaches it, if it is attached only by cosign's convention (`sha256-<hex>.sig`). */
  tag?: string;
  /** Its full name where it is kept, if that includes a repository. */
  name?: string;
}

export interface SignalOption {
  signal?: AbortSignal | undefined;
}

export interface FetchOptions extends SignalOption {
  /** First byte to read; default 0. */
  start?: number | undefined;
  /**
   * Number of bytes; default: all that follow. A store that cannot stop there returns more, and a store that can return
   * everything but not a part rejects, as a registry without ranges does.
   */
  length?: number | undefined;
}

/** Opens the same content again, from `start`; retry and resume depend on it. */
export type OpenContent = (options?: FetchOptions) => Promise<Readable>;

export interface PushOptions extends SignalOption {
  /** Called with the number of bytes that were kept: first those of an earlier attempt, then those that arrive. */
  onBytes?: ((bytes: number, origin: 'kept' | 'fetched') => void) | undefined;
  /** Where the same bytes are on the local disk; a store that only passes them on can read them faster there. */
  region?: Region | undefined;
}

/**
 * Bytes of a store on the network. As long as `version` of the same content is the same text, so are the bytes.
 */
export interface VersionedReadable extends Readable {
  version: string;
}

/** Returns the version of opened content, if its store knows one. */
export function versionOf(source: Readable | VersionedReadable): string | undefined {
  return 'version' in source ? source.version : undefined;
}

/** Content to look for: a descriptor, or only the digest of a blob of unknown size (a layer of schema1). */
export type Wanted = Pick<Descriptor, 'digest'> & Partial<Pick<Descriptor, 'mediaType' | 'size'>>;

/** The manifest that a name stands for. If its origin is `made`, lading wrote it, so its layers may be recompressed. */
export interface Resolved extends Descriptor {
  origin?: 'stored' | 'made';
}

/** A place with content for reading: an archive, a layout, a repository of a registry. */
export interface Source {
  /** Name of the place for error messages. */
  readonly location: string;
  /** True if the bytes are on this machine, so that damage is permanent and a retry is useless. */
  readonly isLocal: boolean;
  /** Returns the manifest that a name or a digest stands for; rejects with `NOT_FOUND`. */
  resolve(reference: string, options?: SignalOption): Promise<Resolved>;
  /** Returns how many bytes of the content are present, or undefined if it is missing. Does not verify the digest. */
  sizeOf(content: Wanted, options?: SignalOption): Promise<number | undefined>;
  /** Returns the raw bytes from `start`, not verified; rejects with `NOT_FOUND`. */
  fetch(descriptor: Descriptor, options?: FetchOptions): Promise<Readable>;
  /** Lists every name in the store with its manifest. */
  names(options?: SignalOption): AsyncIterable<NamedDescriptor>;
  /** Lists what is attached to `subject`: by its `subject` member, by the fallback tag, by cosign's tags. */
  referrers(subject: Descriptor, options?: SignalOption): AsyncIterable<Referrer>;
  /** Returns where the bytes are on the local disk, for faster access to the same bytes. */
  region?(descriptor: Descriptor): Promise<Region | undefined>;
  /** Returns a URL to which a server can redirect its clients: whoever has it can read the bytes until it expires. */
  urlOf?(descriptor: Descriptor, options?: SignalOption): Promise<URL | undefined>;
  close(): Promise<void>;
}

/** A place with content for reading and writing. */
export interface Store extends Source {
  /**
   * Called before the first push with all content that will follow, in the order in which it will be placed. Takes up
   * what an earlier run left behind; rejects with `NO_SPACE` if the rest does not fit.
   */
  prepare?(contents: readonly Descriptor[], options?: SignalOption): Promise<void>;
  /** Stores content, verified while it is written; idempotent, all or nothing. Resumes where a failed push stopped. */
  push(descriptor: Descriptor, open: OpenContent, options?: PushOptions): Promise<void>;
  /**
   * Makes an existing manifest findable from its subject, in case an earlier run ended between the two steps. A
   * manifest that `push` has stored is findable already.
   */
  link?(descriptor: Descriptor, bytes: Buffer, options?: SignalOption): Promise<void>;
  /**
   * Says that announced content will not be pushed or is not needed, so that nothing waits for it and nothing of it is
   * left.
   */
  abandon?(descriptor: Descriptor): void;
  /** Names a manifest in the store; another manifest with that name loses it. */
  tag(descriptor: Descriptor, reference: string): Promise<void>;
  /**
   * Called when all `contents` were pushed or found, before the first name is set and again after the last one, by those who
   * will name `roots`. From then on, and until `commit`, a collection of garbage keeps what is under them. Resolves with what
   * one has removed before; that is to be pushed, and this to be called again.
   */
  hold?(
    roots: readonly Descriptor[],
    contents: readonly Descriptor[],
    options?: SignalOption,
  ): Promise<readonly Descriptor[]>;
  /**
   * Makes everything that was pushed final. If a store has `commit` and it is not called, `close` keeps only what a later
   * run can resume from.
   */
  commit?(): Promise<void>;
}

/** True if a store has content with the size that its descriptor states. */
export async function has(
  store: Pick<Source, 'sizeOf'>,
  descriptor: Descriptor,
  options?: SignalOption,
): Promise<boolean> {
  return (await store.sizeOf(descriptor, options)) === descriptor.size;
}

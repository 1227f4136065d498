import type { Descriptor } from '../../content/descriptor.js';
import type { Digest } from '../../content/digest.js';
import type { Document } from '../../manifest/convert/conversion.js';
import type { Source } from '../../store/store.js';

/** Of the request that wants a form. */
export interface ConversionRequest {
  /** Aborts when its client is gone: work that nobody waits for any more is given up. */
  signal?: AbortSignal | undefined;
  /** Whose turn it takes. */
  client?: string | undefined;
}

/** Where a tag is, and the stored manifest that it names. */
export interface TaggedManifest {
  /** Both are written into schema1. */
  repository: string;
  tag: string;
  descriptor: Descriptor;
}

/**
 * Makes other forms of stored images for clients that do not accept the stored one. What it makes depends on
 * nothing but what is stored and its name, so that a tag has the same digests after the server was started anew.
 */
export interface Conversions {
  /**
   * What a tag names as one of `mediaTypes`: as it is stored if that is one of them, else made to be the first; of an
   * index one image, where these are types of images. Undefined where it has no such form; throws a `Refusal`
   * where it is unclear which image it would be.
   */
  convert(
    store: Source,
    tagged: TaggedManifest,
    mediaTypes: readonly [string, ...string[]],
    request?: ConversionRequest,
  ): Promise<Document | undefined>;
  /** A manifest, or a blob that one needs, that was made of a tag of this repository, as long as what it was made of is there. */
  find(
    store: Source,
    content: { repository: string; digest: Digest },
    request?: ConversionRequest,
  ): Promise<Document | undefined>;
}

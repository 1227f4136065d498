import type { Descriptor } from '../../content/descriptor.js';
import type { Digest } from '../../content/digest.js';
import type { Document } from '../../manifest/convert/conversion.js';
import type { Source } from '../../store/store.js';

/** The request for which a conversion is made. */
export interface ConversionRequest {
  /** Aborts when its client disconnects; work that no other client waits for is then aborted too. */
  signal?: AbortSignal | undefined;
  /** The client whose turn the conversion takes. */
  client?: string | undefined;
}

/** A tag and the stored manifest that it names. */
export interface TaggedManifest {
  /** Repository and tag become part of schema1 manifests. */
  repository: string;
  tag: string;
  descriptor: Descriptor;
}

/**
 * Converts stored images for clients that do not accept the stored format. The result depends only on the stored
 * content and its name, so that a tag has the same digests after a restart.
 */
export interface Conversions {
  /**
   * Returns the image of a tag as one of `mediaTypes`: unchanged if it is stored as one of them, else converted to the
   * first. An index becomes one of its images if these are types of images. Undefined if it cannot be converted. Throws
   * a `Refusal` if it is unclear which image of an index to use.
   */
  convert(
    store: Source,
    tagged: TaggedManifest,
    mediaTypes: readonly [string, ...string[]],
    request?: ConversionRequest,
  ): Promise<Document | undefined>;
  /**
   * Finds a manifest, or a blob that it needs, that was converted from a tag of this repository, as long as the
   * original still exists.
   */
  find(
    store: Source,
    content: { repository: string; digest: Digest },
    request?: ConversionRequest,
  ): Promise<Document | undefined>;
}

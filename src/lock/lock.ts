import type { Digest } from '../content/digest.js';
import { LOCK_MEDIA_TYPE } from '../content/media-types.js';
import type { ImageOrigin } from '../content/origin.js';
import { redactURL } from '../errors.js';

/** The form of a lock: lading's own, or the `ImagesLock` of imgpkg. */
export type LockFormat = 'lading' | 'imgpkg';

/** Images by digest, with all that decides which bytes a save writes. */
export interface Lock {
  /** Where it was read from, for messages; undefined if it was just made. */
  location?: string | undefined;
  selection: LockSelection;
  /** In the order of their names. Two digests may have one name: then the first keeps it. */
  images: readonly LockedImage[];
  patterns: readonly LockedPattern[];
}

/** Which parts of the images are taken. */
export interface LockSelection {
  /** `OS/ARCH[/VARIANT][:VERSION]`; undefined if all are taken. */
  platforms?: readonly string[] | undefined;
  /** What happens to an index of which only some platforms are taken; undefined for the default. */
  index?: 'sparse' | 'rewrite' | undefined;
  /** Whether what is attached to the images is taken. */
  referrers: boolean;
  /** Whether foreign layers are fetched. */
  includeForeign: boolean;
}

export interface LockedImage {
  /** The full name, with a tag or a digest. */
  name: string;
  /** The digest at the registry. */
  digest: Digest;
  /** Undefined in a lock of another tool, which does not say it. */
  mediaType?: string | undefined;
  /** Bytes of everything the image needs; undefined in a lock of another tool. */
  size?: number | undefined;
  /** `OS/ARCH[/VARIANT][:VERSION]` of the images that are taken. */
  platforms: readonly string[];
  /** How the list gave it. An update keeps a digest, asks for a name again, and resolves a pattern again. */
  by: 'digest' | 'name' | 'pattern';
  /** What is attached to it and taken; undefined in a lock of another tool: then whatever is attached by then. */
  attachments?: readonly LockedAttachment[] | undefined;
  origins: readonly ImageOrigin[];
}

/** A signature, an SBOM or an attestation. */
export interface LockedAttachment {
  digest: Digest;
  mediaType: string;
  /** Bytes of its manifest. */
  size: number;
  /** The manifest that it is attached to. */
  subject: Digest;
  /** The tag that attaches it, if only cosign's convention does. */
  tag?: string | undefined;
}

/** A pattern of names, and the tags that it stood for. */
export interface LockedPattern {
  /** As it was written; the bare name of a repository if all of its tags were taken. */
  text: string;
  /** `HOST[:PORT]/PATH`. */
  repository: string;
  resolved: readonly string[];
}

/**
 * Formats a lock as JSON: members and images in a fixed order, nothing of the clock, so that the same images give the
 * same bytes. URLs in origins lose what may be secret.
 */
export function formatLock({ selection, images, patterns }: Lock): Buffer {
  const document = {
    images: [...images].sort(by(({ name }) => name)).map(imageDocument),
    mediaType: LOCK_MEDIA_TYPE,
    patterns: [...patterns]
      .sort(by(({ text }) => text))
      .map(({ text, repository, resolved }) => ({ repository, resolved, text })),
    selection: {
      includeForeign: selection.includeForeign,
      index: selection.index ?? 'default',
      platforms: selection.platforms ?? null,
      referrers: selection.referrers,
    },
  };
  return Buffer.from(`${JSON.stringify(document, undefined, 2)}\n`);
}

function imageDocument({ attachments, mediaType, size, ...image }: LockedImage): object {
  const { by: given, digest, name, origins, platforms } = image;
  if (attachments === undefined || mediaType === undefined || size === undefined)
    throw new Error(`${name} was not read yet`);
  return {
    attachments: attachments.map((one) => ({
      digest: one.digest,
      mediaType: one.mediaType,
      size: one.size,
      subject: one.subject,
      ...(one.tag !== undefined && { tag: one.tag }),
    })),
    by: given,
    digest,
    mediaType,
    name,
    origins: origins.map(({ file, grade, line, path }) => ({
      file: withoutSecrets(file),
      grade,
      line,
      path,
    })),
    platforms,
    size,
  };
}

function withoutSecrets(file: string): string {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(file) ? redactURL(file) : file;
}

/** Compares by a key in the order of code units, which is the same everywhere. */
function by<T>(key: (value: T) => string): (a: T, b: T) => number {
  return (a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0);
}

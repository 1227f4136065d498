import { isDigest } from '../../content/digest.js';
import { formatPlatform } from '../../content/platform.js';
import type { Reference } from '../../content/reference.js';
import { LadingError } from '../../errors.js';
import type { Lock, LockedImage } from '../../lock/lock.js';
import { type ImageTrees, plannedImage } from '../../transfer/plan.js';
import type { Wanted, WantedImage, WantedOptions } from '../wanted-images.js';
import { givenFor } from './given-texts.js';

/**
 * Makes a lock of images that were read. Rejects with `UNSUPPORTED` for a registry of the v1 protocol, where nothing can
 * be asked for by digest.
 */
export function makeLock(
  images: readonly ImageTrees[],
  { requests, listed, resolved }: Pick<Wanted, 'requests' | 'listed' | 'resolved'>,
  options: WantedOptions,
): Lock {
  const { platforms, index, referrers = true, includeForeign = false, origins } = options;
  const references = requests.map(({ named }) => named);
  const given = givenFor(listed.texts, references, { allTags: listed.allTags, resolved });
  const before = new Map(options.lock?.images.map((image) => [image.name, image.origins]));
  const asked = new Map<string, WantedImage[]>();
  for (const request of requests) asked.set(request.name, [...(asked.get(request.name) ?? []), request]);
  return {
    selection: { platforms, index, referrers, includeForeign },
    images: images.flatMap((image): LockedImage[] => {
      const request = asked.get(image.name)?.find(({ reference }) => isReferenceOf(reference, image));
      if (request === undefined) return [];
      const { direct, patterns } = given.of(request.named);
      const found = [...direct, ...patterns].flatMap((text) => origins?.get(text) ?? []);
      return [
        {
          ...lockedImage(image, request),
          by: request.by ?? howGiven(request.named, direct),
          // A lock that is updated keeps what it says of its names.
          origins: found.length > 0 ? found : (before.get(image.name) ?? []),
        },
      ];
    }),
    patterns: listed.patterns ?? given.patterns,
  };
}

/** An image that is also named stays when an update resolves a pattern otherwise. */
function howGiven({ digest }: Reference, direct: readonly string[]): LockedImage['by'] {
  if (direct.length === 0) return 'pattern';
  return digest === undefined ? 'name' : 'digest';
}

function isReferenceOf(reference: string, { original }: ImageTrees): boolean {
  return !isDigest(reference) || reference === original.digest;
}

function lockedImage(image: ImageTrees, { source }: WantedImage): Omit<LockedImage, 'by' | 'origins'> {
  const { name, original, attached } = image;
  if (source.isV1)
    throw new LadingError(
      'UNSUPPORTED',
      `${name} cannot be locked: its registry speaks the v1 protocol alone`,
      {
        hint: 'That protocol has no digests by which an image could be asked for later.',
      },
    );
  const { platforms, size } = plannedImage(image);
  return {
    name,
    digest: original.digest,
    mediaType: original.mediaType,
    size,
    platforms: platforms.map(formatPlatform),
    attachments: attached.map(({ tree: { content }, subject, tag }) => {
      const { digest, mediaType, size: bytes } = content.descriptor;
      return { digest, mediaType, size: bytes, subject, ...(tag !== undefined && { tag }) };
    }),
  };
}

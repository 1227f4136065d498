import type { Digest } from '../content/digest.js';
import { formatPlatform, matchesPlatform, parsePlatform } from '../content/platform.js';
import { parseReference } from '../content/reference.js';
import { ContentError } from '../errors.js';
import type { Lock, LockedImage } from '../lock/lock.js';
import { delegate } from '../store/delegate.js';
import type { RemoteSource } from '../store/remote/remote-source.js';
import type { Referrer } from '../store/store.js';
import { type ImageTrees, plannedImage } from '../transfer/plan.js';
import type { ListedImages, WantedOptions } from './wanted-images.js';

/** Returns the images of a lock by their digests, with the attachments that it says. */
export function lockedImages(lock: Lock, options: WantedOptions): Omit<ListedImages, 'texts'> {
  const images = lock.images.filter((image) => isWanted(image, options));
  const attached = attachedIn(images);
  return {
    patterns: lock.patterns,
    digested: images.map(({ name, digest, by }) => {
      return { reference: { ...parseReference(name), digest }, by };
    }),
    sourceOf: (source) => withAttachments(source, attached),
    requireSame: sameness(lock, options),
  };
}

/** A lock of dt has an image for each platform; an own one has a whole index, whose platforms are chosen later. */
function isWanted({ mediaType, platforms }: LockedImage, { platforms: wanted }: WantedOptions): boolean {
  if (wanted === undefined || mediaType !== undefined || platforms.length === 0) return true;
  const offered = platforms.map(parsePlatform);
  return wanted.some((one) => offered.some((platform) => matchesPlatform(parsePlatform(one), platform)));
}

/** Attachments by repository and subject; of a repository that is not there, a lock does not say them. */
type Attachments = Map<string, Map<Digest, Referrer[]>>;

function attachedIn(images: readonly LockedImage[]): Attachments {
  const all: Attachments = new Map();
  for (const { name, attachments } of images) {
    if (attachments === undefined) continue;
    const { registry, repository } = parseReference(name);
    const place = `${registry}/${repository}`;
    const bySubject = all.get(place) ?? new Map<Digest, Referrer[]>();
    all.set(place, bySubject);
    for (const { subject, tag, digest, mediaType, size } of attachments) {
      const before = bySubject.get(subject) ?? [];
      if (before.some(({ descriptor }) => descriptor.digest === digest)) continue;
      const descriptor = { mediaType, digest, size };
      bySubject.set(subject, [...before, { descriptor, ...(tag !== undefined && { tag }) }]);
    }
  }
  return all;
}

/** Answers from the lock what is attached: later signatures would change the archive, and their lists have no digest. */
function withAttachments(source: RemoteSource, attached: Attachments): RemoteSource {
  const bySubject = attached.get(source.location);
  if (bySubject === undefined) return source;
  return delegate(source, {
    async *referrers({ digest }) {
      yield* bySubject.get(digest) ?? [];
    },
  });
}

/**
 * Returns a function that compares an image with its lock: a digest fixes the bytes, but a lock that was edited may state
 * another size or other platforms, and somebody may have relied on them. It throws `INVALID_LOCK`.
 */
function sameness(
  { selection, images, location = 'the lock' }: Lock,
  { platforms, index, format }: WantedOptions,
): (image: ImageTrees) => void {
  const isSameChoice = `${platforms}` === `${selection.platforms}` && index === selection.index;
  const known = new Map(images.map((image) => [`${image.name} ${image.digest}`, image]));
  return (image) => {
    const locked = known.get(`${image.name} ${image.original.digest}`);
    if (locked?.size === undefined) return;
    const same = (what: string, said: string | number | undefined, found: string | number): void => {
      if (said === found) return;
      throw new ContentError(
        'INVALID_LOCK',
        `${location} says that ${image.name} has the ${what} ${said || 'none'}, but it is ${found || 'none'}`,
        { hint: 'The lock was changed after it was written.', remedy: 'updateLock' },
      );
    };
    same('media type', locked.mediaType, image.original.mediaType);
    if (!isSameChoice || format === 'docker-archive') return;
    const planned = plannedImage(image);
    same('platforms', locked.platforms.join(), planned.platforms.map(formatPlatform).join());
    same('size', locked.size, planned.size);
  };
}

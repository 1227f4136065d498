import type { Digest } from '../../content/digest.js';
import { formatPlatform, matchesPlatform, type Platform, parsePlatform } from '../../content/platform.js';
import { parseReference } from '../../content/reference.js';
import { ContentError } from '../../errors.js';
import { lackOf, notAvailable } from '../../graph/choose-platforms.js';
import type { Lock, LockedImage } from '../../lock/lock.js';
import { delegate } from '../../store/delegate.js';
import type { RemoteSource } from '../../store/remote/remote-source.js';
import type { Referrer } from '../../store/store.js';
import { type ImageTrees, plannedImage } from '../../transfer/plan.js';
import type { Failures, ListedImages, WantedOptions } from '../wanted-images.js';

/** Returns the images of a lock by their digests, with the attachments that it says. */
export function lockedImages(lock: Lock, options: WantedOptions): Omit<ListedImages, 'texts'> {
  const isOneOfSeveral = severalIn(lock);
  const chosen = lock.images.map((image) => {
    return { image, platforms: platformsOf(image, options.platforms, isOneOfSeveral(image)) };
  });
  const images = chosen.filter(({ platforms }) => platforms?.length !== 0);
  const attached = attachedIn(images.map(({ image }) => image));
  return {
    patterns: lock.patterns,
    digested: images.map(({ image: { name, digest, by }, platforms }) => {
      return { reference: { ...parseReference(name), digest }, by, ...(platforms && { platforms }) };
    }),
    unavailable: unavailableIn(lock, options),
    sourceOf: (source) => withAttachments(source, attached),
    requireSame: sameness(lock, options),
  };
}

/**
 * Returns which of the wanted platforms an image of dt's lock has, which is of one platform; undefined for any other
 * image: an own lock has a whole index, whose platforms are chosen later. dt writes no variants, so that where several
 * images of a name have one platform, each may be the one.
 */
function platformsOf(
  image: LockedImage,
  wanted: WantedOptions['platforms'],
  isOneOfSeveral: boolean,
): Platform[] | undefined {
  const offered = offeredBy(image);
  if (wanted === undefined || offered === undefined) return undefined;
  const suited = wanted
    .map(parsePlatform)
    .filter((one) => offered.some((platform) => matchesPlatform(one, platform)));
  return suited.length > 0 && isOneOfSeveral ? offered : suited;
}

/** Returns whether a lock has several images with the name and the platforms of one. */
function severalIn({ images }: Lock): (image: LockedImage) => boolean {
  const keyOf = ({ name, platforms }: LockedImage): string => `${name} ${platforms}`;
  const counts = new Map<string, number>();
  for (const image of images) counts.set(keyOf(image), (counts.get(keyOf(image)) ?? 0) + 1);
  return (image) => (counts.get(keyOf(image)) ?? 0) > 1;
}

function offeredBy({ mediaType, platforms }: LockedImage): Platform[] | undefined {
  return mediaType !== undefined || platforms.length === 0 ? undefined : platforms.map(parsePlatform);
}

/** Looks at all digests of a name together. Warns of an image that has only some of the wanted platforms. */
function unavailableIn({ images, location = 'the lock' }: Lock, options: WantedOptions): Failures {
  const wanted = options.platforms?.map(parsePlatform);
  if (wanted === undefined) return [];
  const byName = new Map<string, Platform[]>();
  for (const image of images) {
    const offered = offeredBy(image);
    if (offered === undefined) continue;
    const known = byName.get(image.name) ?? [];
    byName.set(image.name, known);
    known.push(...offered);
  }
  return [...byName].flatMap(([name, offered]) => {
    const message = lackOf(name, wanted, offered);
    if (message === undefined) return [];
    if (!wanted.some((one) => offered.some((platform) => matchesPlatform(one, platform))))
      return [{ name, error: notAvailable(`${location}: ${name}`, wanted, offered) }];
    options.onEvent?.({ type: 'warning', message });
    return [];
  });
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

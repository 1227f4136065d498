import type { Digest } from '../content/digest.js';
import type { Lock, LockedImage } from './lock.js';

/** An image of a lock that another lock lacks. */
export interface LockEntry {
  name: string;
  digest: Digest;
}

/** A name that stands for another digest than before. */
export interface MovedImage {
  name: string;
  from: Digest;
  to: Digest;
  /** Platforms that only the new image has. */
  addedPlatforms: string[];
  /** Platforms that only the old image had. */
  gonePlatforms: string[];
}

/** What an update changes. */
export interface LockDifference {
  moved: MovedImage[];
  added: LockEntry[];
  gone: LockEntry[];
  /** Images of the same digest whose attachments have changed, with the digests of those. */
  attachments: { name: string; added: Digest[]; gone: Digest[] }[];
  /** Number of images that are as before. */
  unchanged: number;
}

/** Compares two locks by the names of their images. */
export function compareLocks(before: Lock, after: Lock): LockDifference {
  const old = byName(before.images);
  const now = byName(after.images);
  const difference: LockDifference = { moved: [], added: [], gone: [], attachments: [], unchanged: 0 };
  for (const name of [...new Set([...old.keys(), ...now.keys()])].sort()) {
    const { gone, added, kept } = compare(old.get(name) ?? [], now.get(name) ?? []);
    const [from, to] = [gone[0], added[0]];
    if (from !== undefined && to !== undefined && gone.length === 1 && added.length === 1)
      difference.moved.push(movedFrom(from, to));
    else {
      difference.gone.push(...gone.map(({ digest }) => ({ name, digest })));
      difference.added.push(...added.map(({ digest }) => ({ name, digest })));
    }
    for (const [one, other] of kept) {
      const attached = attachmentsOf(one, other);
      if (attached.added.length + attached.gone.length === 0) difference.unchanged++;
      else difference.attachments.push({ name, ...attached });
    }
  }
  return difference;
}

function byName(images: readonly LockedImage[]): Map<string, LockedImage[]> {
  const named = new Map<string, LockedImage[]>();
  for (const image of images) named.set(image.name, [...(named.get(image.name) ?? []), image]);
  return named;
}

function compare(old: readonly LockedImage[], now: readonly LockedImage[]) {
  const then = new Map(old.map((image) => [image.digest, image]));
  const present = new Set(now.map(({ digest }) => digest));
  return {
    gone: old.filter(({ digest }) => !present.has(digest)),
    added: now.filter(({ digest }) => !then.has(digest)),
    kept: now.flatMap((image) => {
      const before = then.get(image.digest);
      return before === undefined ? [] : [[before, image] as const];
    }),
  };
}

function movedFrom(from: LockedImage, to: LockedImage): MovedImage {
  return {
    name: to.name,
    from: from.digest,
    to: to.digest,
    addedPlatforms: without(to.platforms, from.platforms),
    gonePlatforms: without(from.platforms, to.platforms),
  };
}

/** A lock of another tool does not say what was attached. */
function attachmentsOf(old: LockedImage, now: LockedImage): { added: Digest[]; gone: Digest[] } {
  if (old.attachments === undefined || now.attachments === undefined) return { added: [], gone: [] };
  const [before, after] = [old.attachments, now.attachments].map((all) => all.map(({ digest }) => digest));
  return { added: without(after ?? [], before ?? []), gone: without(before ?? [], after ?? []) };
}

function without<T>(all: readonly T[], left: readonly T[]): T[] {
  return all.filter((one) => !left.includes(one));
}

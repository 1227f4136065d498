import { fittingAnnotations, MAX_LISTED_ANNOTATION_BYTES } from '../content/annotations.js';
import { type Descriptor, plainDescriptor } from '../content/descriptor.js';
import { type Digest, isDigest } from '../content/digest.js';
import { referrersTag } from '../content/names.js';
import { ownText } from '../content/own-text.js';
import { type Manifest, successors } from '../manifest/manifest.js';
import { type Attached, attachedTo } from './attached.js';
import { entryName } from './layout/layout-index.js';

/** What the annotations of all that is attached may take together: those of 100,000 signatures. */
const MAX_ANNOTATION_BYTES = 32 * 1024 * 1024;

/**
 * What the manifests of entries are attached to, as far as they were read: what a digest names never changes. Nothing
 * else of a manifest is kept, and of its annotations what is listed.
 */
export class AttachedManifests {
  /** Manifests that are attached to nothing. */
  readonly #unattached = new Set<Digest>();
  readonly #attached = new Map<string, Attached[]>();
  /** Bytes that the annotations in it take. */
  #annotationBytes = 0;

  /** What an entry attaches; undefined when nobody has read its manifest. */
  of(entry: Descriptor): readonly Attached[] | undefined {
    const subject = fallbackSubject(entryName(entry));
    if (subject === undefined && this.#unattached.has(entry.digest)) return [];
    return this.#attached.get(keyOf(entry.digest, subject));
  }

  /** Notes what the manifest of an entry says. */
  note(entry: Descriptor, manifest: Manifest): void {
    const subject = fallbackSubject(entryName(entry));
    const own = attachedTo(plainDescriptor(entry), manifest);
    if (own === undefined && subject === undefined) {
      this.#unattached.add(ownText(entry.digest));
      return;
    }
    const key = keyOf(entry.digest, subject);
    if (this.#attached.has(key)) return;
    const attached = own === undefined ? attachedByFallback(manifest, subject) : [own];
    this.#attached.set(
      key,
      attached.map((each) => this.#kept(each)),
    );
  }

  /** Those that are known to be attached to nothing, in the order in which that was found out. */
  get unattached(): readonly Digest[] {
    return [...this.#unattached];
  }

  noteUnattached(digests: Iterable<Digest>): void {
    for (const digest of digests) this.#unattached.add(digest);
  }

  /** What is no entry any more is forgotten: pushes and deletions would fill the memory for ever. */
  forgetAllBut(digests: ReadonlySet<Digest>): void {
    for (const digest of this.#unattached) if (!digests.has(digest)) this.#unattached.delete(digest);
    for (const [key, attached] of this.#attached) {
      const [digest] = key.split(' ', 1);
      if (isDigest(digest) && digests.has(digest)) continue;
      for (const { referrer } of attached) this.#annotationBytes -= annotationBytesOf(referrer.descriptor);
      this.#attached.delete(key);
    }
  }

  /** With texts of its own, and with annotations as long as there is room for them. */
  #kept({ subject, referrer: { descriptor } }: Attached): Attached {
    const { mediaType, digest, size, artifactType } = descriptor;
    const room = Math.min(MAX_LISTED_ANNOTATION_BYTES, MAX_ANNOTATION_BYTES - this.#annotationBytes);
    const annotations = fittingAnnotations(descriptor.annotations, room);
    const kept: Descriptor = {
      mediaType: ownText(mediaType),
      digest: ownText(digest),
      size,
      ...(annotations !== undefined && { annotations }),
      ...(artifactType !== undefined && { artifactType: ownText(artifactType) }),
    };
    this.#annotationBytes += annotationBytesOf(kept);
    return { subject: ownText(subject), referrer: { descriptor: kept } };
  }
}

function annotationBytesOf({ annotations }: Descriptor): number {
  return annotations === undefined ? 0 : Buffer.byteLength(JSON.stringify(annotations));
}

function keyOf(digest: Digest, subject: Digest | undefined): string {
  return `${digest} ${subject}`;
}

/** A fallback index as regclient keeps it in layouts: its children are the referrers. */
function attachedByFallback(manifest: Manifest, subject: Digest | undefined): Attached[] {
  if (subject === undefined) return [];
  return successors(manifest).manifests.map((descriptor) => ({ subject, referrer: { descriptor } }));
}

function fallbackSubject(name: string | undefined): Digest | undefined {
  const tag = name?.slice(name.lastIndexOf(':') + 1) ?? '';
  const digest = tag.replace('-', ':');
  return isDigest(digest) && referrersTag(digest) === tag ? digest : undefined;
}

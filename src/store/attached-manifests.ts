import { fittingAnnotations, MAX_LISTED_ANNOTATION_BYTES } from '../content/annotations.js';
import { type Descriptor, plainDescriptor } from '../content/descriptor.js';
import { type Digest, isDigest } from '../content/digest.js';
import { referrersTag } from '../content/names.js';
import { ownText } from '../content/own-text.js';
import { type Manifest, successors } from '../manifest/manifest.js';
import { type Attached, attachedTo } from './attached.js';
import { entryName } from './layout/layout-index.js';

/** Limit for the annotations of all attachments together; enough for 100,000 signatures. */
const MAX_ANNOTATION_BYTES = 32 * 1024 * 1024;

/**
 * Caches what the manifests of entries are attached to, since the content of a digest never changes. Nothing else of a
 * manifest is kept, and only the annotations that are listed.
 */
export class AttachedManifests {
  /** Manifests that are attached to nothing. */
  readonly #unattached = new Set<Digest>();
  readonly #attached = new Map<string, Attached[]>();
  /** Total size in bytes of the annotations in `#attached`. */
  #annotationBytes = 0;

  /** Returns what an entry attaches, or undefined if its manifest has not been read. */
  of(entry: Descriptor): readonly Attached[] | undefined {
    const subject = fallbackSubject(entryName(entry));
    if (subject === undefined && this.#unattached.has(entry.digest)) return [];
    return this.#attached.get(keyOf(entry.digest, subject));
  }

  /** Records what the manifest of an entry says. */
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

  /** Manifests that are known to be attached to nothing, in the order in which that was found out. */
  get unattached(): readonly Digest[] {
    return [...this.#unattached];
  }

  noteUnattached(digests: Iterable<Digest>): void {
    for (const digest of digests) this.#unattached.add(digest);
  }

  /** Forgets manifests that are not entries any more, so that pushes and deletions do not fill the memory. */
  forgetAllBut(digests: ReadonlySet<Digest>): void {
    for (const digest of this.#unattached) if (!digests.has(digest)) this.#unattached.delete(digest);
    for (const [key, attached] of this.#attached) {
      const [digest] = key.split(' ', 1);
      if (isDigest(digest) && digests.has(digest)) continue;
      for (const { referrer } of attached) this.#annotationBytes -= annotationBytesOf(referrer.descriptor);
      this.#attached.delete(key);
    }
  }

  /** Returns a copy with its own strings, and with annotations as long as there is space for them. */
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

/** Returns the referrers in a fallback index, which regclient keeps in layouts: they are its children. */
function attachedByFallback(manifest: Manifest, subject: Digest | undefined): Attached[] {
  if (subject === undefined) return [];
  return successors(manifest).manifests.map((descriptor) => ({ subject, referrer: { descriptor } }));
}

function fallbackSubject(name: string | undefined): Digest | undefined {
  const tag = name?.slice(name.lastIndexOf(':') + 1) ?? '';
  const digest = tag.replace('-', ':');
  return isDigest(digest) && referrersTag(digest) === tag ? digest : undefined;
}

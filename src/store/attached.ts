import type { Descriptor } from '../content/descriptor.js';
import { type Digest, isDigest } from '../content/digest.js';
import type { Manifest } from '../manifest/manifest.js';
import type { Referrer } from './store.js';

/** An attachment, and the manifest that it is attached to. */
export interface Attached {
  subject: Digest;
  referrer: Referrer;
}

/**
 * cosign's tags: `sha256-<hex>.sig`, `.att`, `.sbom`, in the repository of the image with that digest. (cosign,
 * SPEC.md, "Storage")
 */
const COSIGN_TAG = /^(sha256|sha512)-([0-9a-f]+)(\.\w+)$/;
/** What these tags end with. */
export const COSIGN_SUFFIXES: readonly string[] = ['.sig', '.att', '.sbom'];
/** The referrers fallback tag. (distribution-spec, "Referrers Tag Schema") */
const FALLBACK_TAG = /^(sha256|sha512)-[0-9a-f]{64}$/;

/**
 * Returns how a manifest with a `subject` is attached to it, with its own artifact type and annotations; undefined for
 * a manifest without one. (distribution-spec, "Listing Referrers")
 */
export function attachedTo(descriptor: Descriptor, manifest: Manifest): Attached | undefined {
  if (!('subject' in manifest) || manifest.subject === undefined) return undefined;
  const artifactType =
    manifest.artifactType ?? ('config' in manifest ? manifest.config.mediaType : undefined);
  const { annotations } = manifest;
  return {
    subject: manifest.subject.digest,
    referrer: {
      descriptor: {
        ...descriptor,
        ...(artifactType === undefined ? {} : { artifactType }),
        ...(annotations === undefined ? {} : { annotations }),
      },
    },
  };
}

/** Returns how a manifest with one of cosign's tags is attached; undefined for all other tags. */
export function attachedTag(descriptor: Descriptor, name: string): Attached | undefined {
  const tag = name.slice(name.lastIndexOf(':') + 1);
  const subject = subjectOfTag(tag);
  if (subject === undefined) return undefined;
  return { subject, referrer: { descriptor, tag, ...(name !== tag && { name }) } };
}

/** Returns the digest that one of cosign's tags refers to; undefined for all other tags. */
export function subjectOfTag(tag: string): Digest | undefined {
  const [, algorithm, encoded, suffix = ''] = COSIGN_TAG.exec(tag) ?? [];
  const digest = `${algorithm}:${encoded}`;
  return isDigest(digest) && COSIGN_SUFFIXES.includes(suffix) ? digest : undefined;
}

/** True if a tag only attaches content to an image, rather than naming one. */
export function isAttachmentTag(tag: string): boolean {
  const [, , , suffix = ''] = COSIGN_TAG.exec(tag) ?? [];
  return COSIGN_SUFFIXES.includes(suffix) || FALLBACK_TAG.test(tag);
}

import { fittingAnnotations, MAX_LISTED_ANNOTATION_BYTES } from '../../content/annotations.js';
import type { Descriptor } from '../../content/descriptor.js';
import { digestOf, isDigest } from '../../content/digest.js';
import { MEDIA_TYPE } from '../../content/media-types.js';
import { ContentError, type LadingError } from '../../errors.js';
import { readLayoutIndex } from '../../manifest/layout-documents.js';
import { isPart } from '../image-files.js';
import { entryName, nameAnnotations, sortedMembers } from '../layout/layout-index.js';

/** Most bytes of an object with one entry: the annotations of a descriptor are the most of it. */
export const MAX_ENTRY_BYTES = 256 * 1024;

/** A name with what it stands for, and the version of its object. */
export interface BucketName {
  key: string;
  entry: Descriptor;
  etag: string | undefined;
  /** Why the object cannot be read. The entry is then a stand-in, which has nothing right but the name. */
  damage?: LadingError;
}

/** Returns the name that an entry of another tool's layout gets; undefined for what is only a part of an image. */
export function adoptedName(entry: Descriptor): string | undefined {
  return entryName(entry) ?? (isPart(entry) ? undefined : entry.digest);
}

/** Returns what stands for a name whose object cannot be read: it leads to a manifest that is nowhere. */
export function damagedName(
  { key, name, etag }: { key: string; name: string; etag: string | undefined },
  damage: LadingError,
): BucketName {
  const digest = isDigest(name) ? name : digestOf(Buffer.from(key));
  const entry = { mediaType: MEDIA_TYPE.ociManifest, digest, size: 0, annotations: nameAnnotations(name) };
  return { key, entry, etag, damage };
}

/**
 * Formats an object for a name or an attachment: an index with one entry, as a layout has it, so that it is read by the
 * same rules. The bytes are the same whatever order the members of its annotations have.
 */
export function formatEntry(entry: Descriptor): Buffer {
  const annotations = fittingAnnotations(entry.annotations, MAX_LISTED_ANNOTATION_BYTES);
  const { annotations: _, data: __, urls: ___, ...plain } = entry;
  const kept = { ...plain, ...(annotations !== undefined && { annotations: sortedMembers(annotations) }) };
  return Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests: [kept] }));
}

/** Parses such an object; rejects with `INVALID_LAYOUT`. */
export function parseEntry(bytes: Uint8Array, where: string): Descriptor {
  const { entries } = readLayoutIndex(bytes, where);
  const [entry, ...others] = entries;
  if (entry !== undefined && others.length === 0) return entry;
  throw new ContentError('INVALID_LAYOUT', `${where} has ${entries.length} entries instead of one`);
}

import type { Descriptor } from '../../content/descriptor.js';
import type { Digest } from '../../content/digest.js';
import { paddingAfter, tarHeader } from '../../tar/write.js';
import { blobPath } from '../layout/layout-reader.js';

/** The position of one piece of content in a tar. */
export interface Place {
  descriptor: Descriptor;
  /** Empty once it was written. */
  header: Buffer;
  /** Position of the header's first byte. */
  position: number;
  /** Position of the content's first byte. */
  body: number;
  /** Position after the padding, where the next header starts. */
  end: number;
}

/** Returns the headers of the directories at the start of a layout in a tar. */
export async function directoryHeaders(contents: readonly Descriptor[]): Promise<Buffer> {
  const directories = new Set(contents.map(({ digest }) => blobPath(digest).replace(/[^/]*$/, '')));
  const paths = ['blobs/', ...[...directories].sort()];
  return Buffer.concat(
    await Promise.all(paths.map((path) => tarHeader({ path, size: 0, type: 'directory' }))),
  );
}

/**
 * Assigns positions in the order of `contents`, one after the other from `start`, so that the same contents give the
 * same tar.
 */
export async function assignPlaces(
  contents: readonly Descriptor[],
  start: number,
): Promise<Map<Digest, Place>> {
  const places = new Map<Digest, Place>();
  let position = start;
  for (const descriptor of contents) {
    if (places.has(descriptor.digest)) continue;
    const place = placeAt(position, descriptor, await blobHeader(descriptor));
    places.set(descriptor.digest, place);
    position = place.end;
  }
  return places;
}

export function blobHeader({ digest, size }: Descriptor): Promise<Buffer> {
  return tarHeader({ path: blobPath(digest), size, mode: 0o444 });
}

export function placeAt(position: number, descriptor: Descriptor, header: Buffer): Place {
  const body = position + header.byteLength;
  const end = body + descriptor.size + paddingAfter(descriptor.size);
  return { descriptor, header, position, body, end };
}

import type { Descriptor } from '../../content/descriptor.js';
import type { Digest } from '../../content/digest.js';
import { paddingAfter, tarHeader } from '../../tar/write.js';
import { blobPath } from '../layout/layout-reader.js';

/** Where one piece of content stands in a tar. */
export interface Place {
  descriptor: Descriptor;
  header: Buffer;
  /** Of the header's first byte. */
  position: number;
  /** Of the content's first byte. */
  body: number;
  /** After the padding: where the next header stands. */
  end: number;
}

/** The directories that a layout in a tar begins with. */
export function directoryHeaders(contents: readonly Descriptor[]): Buffer {
  const directories = new Set(contents.map(({ digest }) => blobPath(digest).replace(/[^/]*$/, '')));
  const paths = ['blobs/', ...[...directories].sort()];
  return Buffer.concat(paths.map((path) => tarHeader({ path, size: 0, type: 'directory' })));
}

/** Places in the order of `contents`, one after the other from `start`: the same contents give the same tar. */
export function assignPlaces(contents: readonly Descriptor[], start: number): Map<Digest, Place> {
  const places = new Map<Digest, Place>();
  let position = start;
  for (const descriptor of contents) {
    if (places.has(descriptor.digest)) continue;
    const header = tarHeader({ path: blobPath(descriptor.digest), size: descriptor.size, mode: 0o444 });
    const body = position + header.byteLength;
    const end = body + descriptor.size + paddingAfter(descriptor.size);
    places.set(descriptor.digest, { descriptor, header, position, body, end });
    position = end;
  }
  return places;
}

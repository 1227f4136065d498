import type { Descriptor } from '../content/descriptor.js';
import { digestOf } from '../content/digest.js';
import { MEDIA_TYPE } from '../content/media-types.js';
import { ContentError } from '../errors.js';
import { readDocument, type TypedDocument } from './detect.js';
import { readDockerManifestList } from './docker-schema2.js';
import { isJSONObject, type JSONObject } from './json/json.js';
import { type ImageIndex, readOCIIndex } from './oci.js';

/**
 * Returns the index with each child replaced by the result of `replace`, or left out if that is undefined. Everything
 * else stays, including members that lading does not know. The bytes and their digest are new unless all children stay.
 * Throws `INVALID_MANIFEST`.
 */
export function rewriteIndex(
  bytes: Uint8Array,
  replace: (child: Descriptor) => Descriptor | undefined,
): Buffer {
  const where = digestOf(bytes);
  const typed = readDocument(bytes, undefined, where);
  const { manifests } = readIndex(typed, where);
  const replacements = manifests.map(replace);
  if (manifests.every(({ digest }, place) => replacements[place]?.digest === digest))
    return Buffer.from(bytes);

  const { document } = typed;
  // Assigning to an existing member keeps its place among the others.
  document.manifests = childrenOf(document).flatMap((child, place) => {
    const replacement = replacements[place];
    if (replacement === undefined) return [];
    if (replacement.digest === child.digest) return [child];
    // Embedded data belongs to the old digest; undefined removes it.
    return [{ ...child, size: replacement.size, digest: replacement.digest, data: undefined }];
  });
  return Buffer.from(JSON.stringify(document));
}

function readIndex({ mediaType, document }: TypedDocument, where: string): ImageIndex {
  switch (mediaType) {
    case MEDIA_TYPE.ociIndex:
      return readOCIIndex(document, where);
    case MEDIA_TYPE.dockerManifestList:
      return readDockerManifestList(document, where);
    default:
      throw new ContentError('INVALID_MANIFEST', `${where} is not an index: it is ${mediaType}`);
  }
}

function childrenOf({ manifests }: TypedDocument['document']): JSONObject[] {
  return Array.isArray(manifests) ? manifests.filter(isJSONObject) : [];
}

import type { Descriptor } from '../content/descriptor.js';
import { digestOf } from '../content/digest.js';
import { MEDIA_TYPE } from '../content/media-types.js';
import { ContentError } from '../errors.js';
import { readDocument, type TypedDocument } from './detect.js';
import { readDockerManifestList } from './docker-schema2.js';
import { isJSONObject, type JSONObject } from './json/json.js';
import { type ImageIndex, readOCIIndex } from './oci.js';

/**
 * The index with each child replaced by what `replace` gives for it, or left out where it gives nothing; all
 * else as it was, members unknown to lading included. These are new bytes with a new digest; only when every
 * child stays as it is are they the same.
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
  // What is parsed is ours to change; a changed member stays at its place.
  document.manifests = childrenOf(document).flatMap((child, place) => {
    const replacement = replacements[place];
    if (replacement === undefined) return [];
    if (replacement.digest === child.digest) return [child];
    // The child's content, where it was embedded, is that of the old digest: undefined leaves it out.
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
      throw new ContentError('INVALID_MANIFEST', `${where} is no index: it is ${mediaType}`);
  }
}

function childrenOf({ manifests }: TypedDocument['document']): JSONObject[] {
  return Array.isArray(manifests) ? manifests.filter(isJSONObject) : [];
}

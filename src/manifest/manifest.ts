import type { Descriptor } from '../content/descriptor.js';
import { type Digest, digestOf } from '../content/digest.js';
import { isManifest, MEDIA_TYPE } from '../content/media-types.js';
import { readDocument, type TypedDocument } from './detect.js';
import { readDockerManifestList, readDockerSchema2 } from './docker-schema2.js';
import {
  type ArtifactManifest,
  type ImageIndex,
  type ImageManifest,
  readArtifactManifest,
  readOCIIndex,
  readOCIManifest,
} from './oci.js';
import { readSchema1, type Schema1Manifest } from './schema1/schema1.js';

export { detectMediaType } from './detect.js';
export { MAX_MANIFEST_BYTES } from './limits.js';
export { manifestDigest, verifyManifest } from './manifest-digest.js';
export type { ArtifactManifest, ImageIndex, ImageManifest } from './oci.js';
export type { Schema1Manifest } from './schema1/schema1.js';

/** A parsed manifest; `format` says of which format. Its bytes are not included: callers keep them. */
export type Manifest = ImageManifest | ImageIndex | Schema1Manifest | ArtifactManifest;

/**
 * Parses a manifest; throws `INVALID_MANIFEST`, `INVALID_SIGNATURE` or `TOO_LARGE`. The digest is only its name in
 * errors; `verifyManifest` checks it.
 */
export function parseManifest(
  bytes: Uint8Array,
  expected: { mediaType?: string | undefined; digest?: string | undefined } = {},
): Manifest {
  const where = expected.digest ?? digestOf(bytes);
  return readManifest(bytes, readDocument(bytes, expected.mediaType, where), where);
}

function readManifest(bytes: Uint8Array, { mediaType, document }: TypedDocument, where: string): Manifest {
  switch (mediaType) {
    case MEDIA_TYPE.ociManifest:
      return readOCIManifest(document, where);
    case MEDIA_TYPE.ociIndex:
      return readOCIIndex(document, where);
    case MEDIA_TYPE.ociArtifactManifest:
      return readArtifactManifest('oci-artifact', document, where);
    case MEDIA_TYPE.orasArtifactManifest:
      return readArtifactManifest('oras-artifact', document, where);
    case MEDIA_TYPE.dockerManifest:
      return readDockerSchema2(document, where);
    case MEDIA_TYPE.dockerManifestList:
      return readDockerManifestList(document, where);
    case MEDIA_TYPE.dockerSchema1:
    case MEDIA_TYPE.dockerSchema1Signed:
      return readSchema1(bytes, document, where);
  }
}

/** The content that a manifest refers to. */
export interface Successors {
  /** Config and layers, or the blobs of an artifact. A descriptor is repeated if the manifest repeats it. */
  blobs: Descriptor[];
  /** The manifests of an index. */
  manifests: Descriptor[];
  /** Blobs whose size is unknown: the layers of a schema1 manifest, without repetitions, base first. */
  unsized: Digest[];
  /** The manifest that this one is attached to; it may not exist. */
  subject?: Descriptor;
}

/** Returns everything that a manifest refers to, by the kind of content. */
export function successors(manifest: Manifest): Successors {
  switch (manifest.format) {
    case 'oci-manifest':
    case 'docker-schema2':
      return { ...pointers(manifest), blobs: [manifest.config, ...manifest.layers] };
    case 'oci-index':
    case 'docker-manifest-list':
      // An index may list other content than manifests, which is stored as blobs. (image-spec, image-index.md)
      return {
        ...pointers(manifest),
        manifests: manifest.manifests.filter((child) => isManifest(child.mediaType)),
        blobs: manifest.manifests.filter((child) => !isManifest(child.mediaType)),
      };
    case 'oci-artifact':
    case 'oras-artifact':
      return { ...pointers(manifest), blobs: manifest.blobs };
    case 'docker-schema1':
      return { ...pointers({}), unsized: [...new Set(manifest.fsLayers.toReversed())] };
  }
}

function pointers({ subject }: { subject?: Descriptor }): Successors {
  return { blobs: [], manifests: [], unsized: [], ...(subject === undefined ? {} : { subject }) };
}

import type { Descriptor } from '../content/descriptor.js';
import { MEDIA_TYPE } from '../content/media-types.js';
import { readAttachment, readDescriptor, readDescriptors } from './descriptor.js';
import { type Irregularity, requireStructure } from './irregular.js';

/** An image for one platform, or an artifact. `layers` has the base first. (image-spec, manifest.md) */
export interface ImageManifest {
  format: 'oci-manifest' | 'docker-schema2';
  mediaType: string;
  config: Descriptor;
  layers: Descriptor[];
  /** The manifest that this one is attached to. */
  subject?: Descriptor;
  artifactType?: string;
  annotations?: Record<string, string>;
  /** Set if the manifest violates its schema. */
  irregular?: Irregularity;
}

/** A list of manifests, for example one for each platform of an image. (image-spec, image-index.md) */
export interface ImageIndex {
  format: 'oci-index' | 'docker-manifest-list';
  mediaType: string;
  manifests: Descriptor[];
  /** The manifest that this one is attached to. */
  subject?: Descriptor;
  artifactType?: string;
  annotations?: Record<string, string>;
  /** Set if the manifest violates its schema. */
  irregular?: Irregularity;
}

/**
 * An artifact without a config: in a format that image-spec 1.1 withdrew before its release, or in that of the ORAS
 * project, from which it was derived.
 */
export interface ArtifactManifest {
  format: 'oci-artifact' | 'oras-artifact';
  mediaType: string;
  blobs: Descriptor[];
  /** The manifest that this one is attached to. */
  subject?: Descriptor;
  artifactType?: string;
  annotations?: Record<string, string>;
  /** Set if the manifest violates its schema. */
  irregular?: Irregularity;
}

export function readOCIManifest(value: unknown, where: string): ImageManifest {
  const { document, ...rest } = requireStructure('oci-manifest', value, where);
  return {
    format: 'oci-manifest',
    mediaType: MEDIA_TYPE.ociManifest,
    config: readDescriptor(document.config),
    layers: readDescriptors(document.layers),
    ...readAttachment(document),
    ...rest,
  };
}

export function readOCIIndex(value: unknown, where: string): ImageIndex {
  const { document, ...rest } = requireStructure('oci-index', value, where);
  return {
    format: 'oci-index',
    mediaType: MEDIA_TYPE.ociIndex,
    manifests: readDescriptors(document.manifests),
    ...readAttachment(document),
    ...rest,
  };
}

const ARTIFACT_TYPES = {
  'oci-artifact': MEDIA_TYPE.ociArtifactManifest,
  'oras-artifact': MEDIA_TYPE.orasArtifactManifest,
} as const;

export function readArtifactManifest(
  format: ArtifactManifest['format'],
  value: unknown,
  where: string,
): ArtifactManifest {
  const { document, ...rest } = requireStructure(`${format}-manifest`, value, where);
  return {
    format,
    mediaType: ARTIFACT_TYPES[format],
    blobs: readDescriptors(document.blobs),
    ...readAttachment(document),
    ...rest,
  };
}

import type { Descriptor } from '../content/descriptor.js';
import { MEDIA_TYPE } from '../content/media-types.js';
import { readAttachment, readDescriptor, readDescriptors } from './descriptor.js';
import { validate } from './schema.js';

/** An image of one platform, or an artifact: a config and layers, base first. (image-spec, manifest.md) */
export interface ImageManifest {
  format: 'oci-manifest' | 'docker-schema2';
  mediaType: string;
  config: Descriptor;
  layers: Descriptor[];
  /** The manifest that this one is attached to. */
  subject?: Descriptor;
  artifactType?: string;
  annotations?: Record<string, string>;
}

/** A list of manifests, of an image's platforms for example. (image-spec, image-index.md) */
export interface ImageIndex {
  format: 'oci-index' | 'docker-manifest-list';
  mediaType: string;
  manifests: Descriptor[];
  /** The manifest that this one is attached to. */
  subject?: Descriptor;
  artifactType?: string;
  annotations?: Record<string, string>;
}

/** Blobs without a config: a format that image-spec 1.1 withdrew before its release. */
export interface ArtifactManifest {
  format: 'oci-artifact';
  mediaType: string;
  blobs: Descriptor[];
  /** The manifest that this one is attached to. */
  subject?: Descriptor;
  artifactType?: string;
  annotations?: Record<string, string>;
}

export function readOCIManifest(value: unknown, where: string): ImageManifest {
  validate('oci-manifest', value, where);
  return {
    format: 'oci-manifest',
    mediaType: MEDIA_TYPE.ociManifest,
    config: readDescriptor(value.config),
    layers: readDescriptors(value.layers),
    ...readAttachment(value),
  };
}

export function readOCIIndex(value: unknown, where: string): ImageIndex {
  validate('oci-index', value, where);
  return {
    format: 'oci-index',
    mediaType: MEDIA_TYPE.ociIndex,
    manifests: readDescriptors(value.manifests),
    ...readAttachment(value),
  };
}

export function readArtifactManifest(value: unknown, where: string): ArtifactManifest {
  validate('oci-artifact-manifest', value, where);
  return {
    format: 'oci-artifact',
    mediaType: MEDIA_TYPE.ociArtifactManifest,
    blobs: readDescriptors(value.blobs),
    ...readAttachment(value),
  };
}

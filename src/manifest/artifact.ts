import { attestedDigest } from '../content/annotations.js';
import type { Descriptor } from '../content/descriptor.js';
import { isImageConfig, isManifest } from '../content/media-types.js';
import { isLayerType } from './layer-types.js';
import type { Manifest } from './manifest.js';
import type { ImageManifest } from './oci.js';

/** What is carried as it is in every conversion, because it is no image. */
export type KeptAs = 'artifact' | 'attestation' | 'plugin';

const DOCKER_PLUGIN_CONFIG = 'application/vnd.docker.plugin.v1+json';
const IN_TOTO = 'application/vnd.in-toto+json';

/**
 * As what a manifest is kept rather than converted; undefined for images and indexes. `descriptor` is the
 * entry of the index that lists it, which tells an attestation.
 */
export function keptAs(manifest: Manifest, descriptor?: Descriptor): KeptAs | undefined {
  if (descriptor !== undefined && attestedDigest(descriptor) !== undefined) return 'attestation';
  switch (manifest.format) {
    case 'oci-manifest':
      return ociKeptAs(manifest);
    case 'docker-schema2':
      // Old registries gave image configs the type of any bytes; plugins alone are something else.
      return manifest.config.mediaType === DOCKER_PLUGIN_CONFIG ? 'plugin' : undefined;
    case 'oci-artifact':
    case 'oras-artifact':
      return 'artifact';
    case 'oci-index':
    case 'docker-manifest-list':
      // BuildKit's cache: an index of layers.
      return manifest.manifests.length > 0 && !manifest.manifests.some((entry) => isManifest(entry.mediaType))
        ? 'artifact'
        : undefined;
    case 'docker-schema1':
      return undefined;
  }
}

function ociKeptAs({ config, layers }: ImageManifest): KeptAs | undefined {
  if (layers.some(({ mediaType }) => mediaType === IN_TOTO)) return 'attestation';
  if (!isImageConfig(config.mediaType)) return 'artifact';
  // Signatures of cosign have an image's config, for registries that take nothing else.
  const isImage = layers.length === 0 || layers.some(({ mediaType }) => isLayerType(mediaType));
  return isImage ? undefined : 'artifact';
}

/** The first layer of a type that no format has: what it means, and what it would be called elsewhere, is not known. */
export function unknownLayer(manifest: Manifest): Descriptor | undefined {
  if (!('layers' in manifest)) return undefined;
  return manifest.layers.find(({ mediaType }) => !isLayerType(mediaType));
}

import { attestedDigest } from '../content/annotations.js';
import type { Descriptor } from '../content/descriptor.js';
import { isImageConfig, isManifest } from '../content/media-types.js';
import { isLayerType } from './layer-types.js';
import type { Manifest } from './manifest.js';
import type { ImageManifest } from './oci.js';

/** Kinds of manifests that every conversion copies unchanged, because they are not images. */
export type KeptAs = 'artifact' | 'attestation' | 'plugin';

const DOCKER_PLUGIN_CONFIG = 'application/vnd.docker.plugin.v1+json';
const IN_TOTO = 'application/vnd.in-toto+json';

/**
 * Returns the kind of a manifest that is kept instead of converted, or undefined for an image or an index. `descriptor`
 * is its entry in the index that lists it, which identifies attestations.
 */
export function keptAs(manifest: Manifest, descriptor?: Descriptor): KeptAs | undefined {
  if (descriptor !== undefined && attestedDigest(descriptor) !== undefined) return 'attestation';
  switch (manifest.format) {
    case 'oci-manifest':
      return ociKeptAs(manifest);
    case 'docker-schema2':
      // Old registries gave image configs a generic type, so only plugins can be recognised.
      return manifest.config.mediaType === DOCKER_PLUGIN_CONFIG ? 'plugin' : undefined;
    case 'oci-artifact':
    case 'oras-artifact':
      return 'artifact';
    case 'oci-index':
    case 'docker-manifest-list':
      // An index of layers is a cache of BuildKit.
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
  // Signatures of cosign have an image config, because some registries accept nothing else.
  const isImage = layers.length === 0 || layers.some(({ mediaType }) => isLayerType(mediaType));
  return isImage ? undefined : 'artifact';
}

/** Returns the first layer whose type belongs to no image format; it cannot be converted. */
export function unknownLayer(manifest: Manifest): Descriptor | undefined {
  if (!('layers' in manifest)) return undefined;
  return manifest.layers.find(({ mediaType }) => !isLayerType(mediaType));
}

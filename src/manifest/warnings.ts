import type { Descriptor } from '../content/descriptor.js';
import { MEDIA_TYPE } from '../content/media-types.js';
import { describeIrregularity, type Irregularity, isRefusedByAll } from './irregular.js';
import type { Manifest } from './manifest.js';
import type { ImageIndex, ImageManifest } from './oci.js';

/** What a specification does not allow or advises against, but images have, and tools live with. */
export interface ManifestWarning {
  code: 'IRREGULAR' | 'NO_LAYERS' | 'MIXED_MEDIA_TYPES' | 'NO_ARTIFACT_TYPE' | 'NO_PLATFORM';
  /** One line, without the manifest's name. */
  message: string;
  /** Whether no engine runs such an image. */
  isFatal?: true;
}

/** What is odd in a manifest that is nevertheless carried; empty for one that is as it should be. */
export function warningsOf(manifest: Manifest): ManifestWarning[] {
  return [...irregularities(manifest), ...customaryOddities(manifest)];
}

/** What its schema does not allow. */
export function irregularities({ irregular }: { irregular?: Irregularity }): ManifestWarning[] {
  if (irregular === undefined) return [];
  const message = describeIrregularity(irregular);
  return [{ code: 'IRREGULAR', message, ...(isRefusedByAll(irregular) && { isFatal: true }) }];
}

function customaryOddities(manifest: Manifest): ManifestWarning[] {
  switch (manifest.format) {
    case 'oci-manifest':
      return [...noLayers(manifest), ...mixedMediaTypes(manifest, 'Docker'), ...noArtifactType(manifest)];
    case 'docker-schema2':
      return mixedMediaTypes(manifest, 'OCI');
    case 'docker-manifest-list':
      return noPlatform(manifest);
    case 'oci-index':
    case 'oci-artifact':
    case 'oras-artifact':
    case 'docker-schema1':
      return [];
  }
}

function noLayers({ layers }: ImageManifest): ManifestWarning[] {
  if (layers.length > 0) return [];
  return [{ code: 'NO_LAYERS', message: 'the OCI manifest has no layers; some registries refuse it' }];
}

const PREFIXES = { Docker: 'application/vnd.docker.', OCI: 'application/vnd.oci.image.' };

function mixedMediaTypes({ config, layers }: ImageManifest, stranger: 'Docker' | 'OCI'): ManifestWarning[] {
  const mixed = [config, ...layers].find((content) => content.mediaType.startsWith(PREFIXES[stranger]));
  if (mixed === undefined) return [];
  const message = `${stranger}'s type ${mixed.mediaType} stands in a manifest of the other kind`;
  return [{ code: 'MIXED_MEDIA_TYPES', message }];
}

function noArtifactType({ config, artifactType }: ImageManifest): ManifestWarning[] {
  if (config.mediaType !== MEDIA_TYPE.ociEmpty || artifactType !== undefined) return [];
  return [{ code: 'NO_ARTIFACT_TYPE', message: 'the config is empty and no artifactType says what this is' }];
}

function noPlatform({ manifests }: ImageIndex): ManifestWarning[] {
  const child = manifests.find((descriptor: Descriptor) => descriptor.platform === undefined);
  if (child === undefined) return [];
  return [{ code: 'NO_PLATFORM', message: `the list does not say what platform ${child.digest} is for` }];
}

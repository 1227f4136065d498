import type { Descriptor } from '../content/descriptor.js';
import { MEDIA_TYPE } from '../content/media-types.js';
import { describeIrregularity, type Irregularity, isRefusedByAll } from './irregular.js';
import type { Manifest } from './manifest.js';
import type { ImageIndex, ImageManifest } from './oci.js';

/** A violation of a specification or of its advice that occurs in images and that tools accept. */
export interface ManifestWarning {
  code: 'IRREGULAR' | 'NO_LAYERS' | 'MIXED_MEDIA_TYPES' | 'NO_ARTIFACT_TYPE' | 'NO_PLATFORM';
  /** One line, without the name of the manifest. */
  message: string;
  /** Set if no engine can run such an image. */
  isFatal?: true;
}

/** Returns warnings about a manifest; empty if there are none. */
export function warningsOf(manifest: Manifest): ManifestWarning[] {
  return [...irregularities(manifest), ...customaryOddities(manifest)];
}

/** Returns a warning if the document violates its schema. */
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
  const message = `${mixed.mediaType} is a type of ${stranger}, in a manifest of the other format`;
  return [{ code: 'MIXED_MEDIA_TYPES', message }];
}

function noArtifactType({ config, artifactType }: ImageManifest): ManifestWarning[] {
  if (config.mediaType !== MEDIA_TYPE.ociEmpty || artifactType !== undefined) return [];
  return [{ code: 'NO_ARTIFACT_TYPE', message: 'the config is empty, and there is no artifactType' }];
}

function noPlatform({ manifests }: ImageIndex): ManifestWarning[] {
  const child = manifests.find((descriptor: Descriptor) => descriptor.platform === undefined);
  if (child === undefined) return [];
  return [{ code: 'NO_PLATFORM', message: `the list has no platform for ${child.digest}` }];
}

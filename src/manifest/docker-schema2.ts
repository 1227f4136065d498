import { MEDIA_TYPE } from '../content/media-types.js';
import { readDescriptor, readDescriptors } from './descriptor.js';
import { requireStructure } from './irregular.js';
import type { ImageIndex, ImageManifest } from './oci.js';

/** Ignores `subject` and `annotations`, which have no meaning in Docker's formats. */
export function readDockerSchema2(value: unknown, where: string): ImageManifest {
  const { document, ...rest } = requireStructure('docker-schema2', value, where);
  return {
    format: 'docker-schema2',
    mediaType: MEDIA_TYPE.dockerManifest,
    config: readDescriptor(document.config),
    layers: readDescriptors(document.layers),
    ...rest,
  };
}

export function readDockerManifestList(value: unknown, where: string): ImageIndex {
  const { document, ...rest } = requireStructure('docker-manifest-list', value, where);
  return {
    format: 'docker-manifest-list',
    mediaType: MEDIA_TYPE.dockerManifestList,
    manifests: readDescriptors(document.manifests),
    ...rest,
  };
}

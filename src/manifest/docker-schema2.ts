import { MEDIA_TYPE } from '../content/media-types.js';
import { readDescriptor, readDescriptors } from './descriptor.js';
import type { ImageIndex, ImageManifest } from './oci.js';
import { validate } from './schema.js';

/** A `subject` or `annotations` in Docker's formats mean nothing and are not read. */
export function readDockerSchema2(value: unknown, where: string): ImageManifest {
  validate('docker-schema2', value, where);
  return {
    format: 'docker-schema2',
    mediaType: MEDIA_TYPE.dockerManifest,
    config: readDescriptor(value.config),
    layers: readDescriptors(value.layers),
  };
}

export function readDockerManifestList(value: unknown, where: string): ImageIndex {
  validate('docker-manifest-list', value, where);
  return {
    format: 'docker-manifest-list',
    mediaType: MEDIA_TYPE.dockerManifestList,
    manifests: readDescriptors(value.manifests),
  };
}

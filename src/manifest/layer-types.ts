import { MEDIA_TYPE } from '../content/media-types.js';
import { ContentError } from '../errors.js';
import type { ConversionTarget } from './convert/conversion.js';

/** The layer types that both Docker and OCI have. (image-spec, media-types.md, "Compatibility Matrix") */
const PAIRS: readonly { docker: string; oci: string }[] = [
  { docker: MEDIA_TYPE.dockerLayerTar, oci: MEDIA_TYPE.ociLayerTar },
  { docker: MEDIA_TYPE.dockerLayerGzip, oci: MEDIA_TYPE.ociLayerGzip },
  {
    docker: 'application/vnd.docker.image.rootfs.foreign.diff.tar',
    oci: 'application/vnd.oci.image.layer.nondistributable.v1.tar',
  },
  {
    docker: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
    oci: 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
  },
];
const OCI_LAYER =
  /^application\/vnd\.oci\.image\.layer\.(nondistributable\.)?v1\.tar(\+(gzip|zstd))?(\+encrypted)?$/;

/** True for a layer of a root filesystem, false for the content of an artifact. */
export function isLayerType(mediaType: string): boolean {
  return OCI_LAYER.test(mediaType) || mediaType.startsWith('application/vnd.docker.image.rootfs.');
}

/** True if a layer is encrypted, and so cannot be read as a tar. (containers/ocicrypt) */
export function isEncrypted(mediaType: string): boolean {
  return mediaType.endsWith('+encrypted');
}

/** Returns the compression of a layer according to its media type, or undefined if the type does not include it. */
export function compressionOfType(mediaType: string): 'none' | 'gzip' | 'zstd' | undefined {
  const [, compression] = /\.tar(?:[+.](gzip|zstd))?(?:\+encrypted)?$/.exec(mediaType) ?? [];
  if (compression === 'gzip' || compression === 'zstd') return compression;
  return /\.tar$/.test(mediaType) ? 'none' : undefined;
}

/**
 * Returns the media type in the target's format for a layer type; `layer` is its name in errors. Throws `UNSUPPORTED`
 * if there is none: Docker's formats have no zstd and no encrypted layers, and unknown types cannot be converted.
 */
export function layerTypeFor(mediaType: string, target: ConversionTarget, layer: string): string {
  const pair = PAIRS.find(({ docker, oci }) => mediaType === docker || mediaType === oci);
  if (pair !== undefined) return pair[target];
  if (target === 'oci' && OCI_LAYER.test(mediaType)) return mediaType;
  // Only in this direction: Docker without the containerd image store cannot read zstd, under any type.
  if (target === 'oci' && mediaType === MEDIA_TYPE.dockerLayerZstd) return MEDIA_TYPE.ociLayerZstd;
  throw new ContentError(
    'UNSUPPORTED',
    `layer ${layer} has the type ${mediaType}, which ${NAMES[target]} does not have`,
    mediaType.endsWith('zstd') ? { remedy: 'compression' } : {},
  );
}

const NAMES = { docker: 'Docker’s format', oci: 'OCI’s format' };

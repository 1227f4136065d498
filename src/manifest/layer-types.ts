import { MEDIA_TYPE } from '../content/media-types.js';
import { ContentError } from '../errors.js';
import type { ConversionTarget } from './convert/conversion.js';

/** The layer types that both families have. (image-spec, media-types.md, "Compatibility Matrix") */
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

/** Whether this is a layer of a root filesystem, rather than an artifact's content. */
export function isLayerType(mediaType: string): boolean {
  return OCI_LAYER.test(mediaType) || mediaType.startsWith('application/vnd.docker.image.rootfs.');
}

/** Whether a layer is encrypted: its bytes are no tar, compressed or not. (containers/ocicrypt) */
export function isEncrypted(mediaType: string): boolean {
  return mediaType.endsWith('+encrypted');
}

/** How a layer is compressed by its media type; undefined for a type that does not say it. */
export function compressionOfType(mediaType: string): 'none' | 'gzip' | 'zstd' | undefined {
  const [, compression] = /\.tar(?:[+.](gzip|zstd))?(?:\+encrypted)?$/.exec(mediaType) ?? [];
  if (compression === 'gzip' || compression === 'zstd') return compression;
  return /\.tar$/.test(mediaType) ? 'none' : undefined;
}

/**
 * The target's name for a layer type; `layer` is named in the error. Throws `UNSUPPORTED` where it has none:
 * Docker's formats have neither zstd nor encrypted layers, and a type that nobody knows has no counterpart.
 */
export function layerTypeFor(mediaType: string, target: ConversionTarget, layer: string): string {
  const pair = PAIRS.find(({ docker, oci }) => mediaType === docker || mediaType === oci);
  if (pair !== undefined) return pair[target];
  if (target === 'oci' && OCI_LAYER.test(mediaType)) return mediaType;
  // One way only: no Docker before its containerd store reads zstd, whatever the type is called.
  if (target === 'oci' && mediaType === MEDIA_TYPE.dockerLayerZstd) return MEDIA_TYPE.ociLayerZstd;
  throw new ContentError(
    'UNSUPPORTED',
    `layer ${layer} has the type ${mediaType}, which ${NAMES[target]} has not`,
    mediaType.endsWith('zstd') ? { remedy: 'compression' } : {},
  );
}

const NAMES = { docker: 'Docker’s format', oci: 'OCI’s format' };

/**
 * The media types of images, by their names in the specifications.
 * (image-spec, media-types.md; distribution, "Image Manifest Version 2, Schema 1" and "Schema 2")
 */
export const MEDIA_TYPE = {
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociConfig: 'application/vnd.oci.image.config.v1+json',
  ociEmpty: 'application/vnd.oci.empty.v1+json',
  ociArtifactManifest: 'application/vnd.oci.artifact.manifest.v1+json',
  /** (oras-project/artifacts-spec, artifact-manifest.md) */
  orasArtifactManifest: 'application/vnd.cncf.oras.artifact.manifest.v1+json',
  ociLayerTar: 'application/vnd.oci.image.layer.v1.tar',
  ociLayerGzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
  ociLayerZstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerManifestList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
  dockerLayerTar: 'application/vnd.docker.image.rootfs.diff.tar',
  dockerLayerGzip: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
  /** No specification defines this one; containerd and buildkit use it. */
  dockerLayerZstd: 'application/vnd.docker.image.rootfs.diff.tar.zstd',
  dockerSchema1: 'application/vnd.docker.distribution.manifest.v1+json',
  dockerSchema1Signed: 'application/vnd.docker.distribution.manifest.v1+prettyjws',
} as const;

/** The media type of lading's own locks. */
export const LOCK_MEDIA_TYPE = 'application/vnd.lading.lock.v1+json';

const INDEXES = new Set<string>([MEDIA_TYPE.ociIndex, MEDIA_TYPE.dockerManifestList]);
const SCHEMA1 = new Set<string>([MEDIA_TYPE.dockerSchema1, MEDIA_TYPE.dockerSchema1Signed]);
const MANIFESTS = new Set<string>([
  ...INDEXES,
  ...SCHEMA1,
  MEDIA_TYPE.ociManifest,
  MEDIA_TYPE.dockerManifest,
  MEDIA_TYPE.ociArtifactManifest,
  MEDIA_TYPE.orasArtifactManifest,
]);
const NOT_DISTRIBUTABLE = /\.foreign\.diff\.tar|\.layer\.nondistributable\./;

/** All manifest types that lading reads, in order of preference; they are the value of the Accept header. */
export const MANIFEST_MEDIA_TYPES: readonly string[] = [
  MEDIA_TYPE.ociIndex,
  MEDIA_TYPE.ociManifest,
  MEDIA_TYPE.dockerManifestList,
  MEDIA_TYPE.dockerManifest,
  MEDIA_TYPE.ociArtifactManifest,
  MEDIA_TYPE.orasArtifactManifest,
  MEDIA_TYPE.dockerSchema1Signed,
  MEDIA_TYPE.dockerSchema1,
];

/** True if registries serve content of this type at their manifest endpoints, not as a blob. */
export function isManifest(mediaType: string): boolean {
  return MANIFESTS.has(mediaType);
}

/** True if the media type is that of a layer compressed with zstd. */
export function isZstd(mediaType: string): boolean {
  return /[.+]zstd(?:$|\+|;)/.test(mediaType);
}

/** True for the config of a Docker or OCI image; the configs of artifacts have other types. */
export function isImageConfig(mediaType: string): boolean {
  return mediaType === MEDIA_TYPE.ociConfig || mediaType === MEDIA_TYPE.dockerConfig;
}

/** True for an OCI index or a Docker manifest list, which list other manifests. */
export function isIndex(mediaType: string): boolean {
  return INDEXES.has(mediaType);
}

export function isSchema1(mediaType: string): boolean {
  return SCHEMA1.has(mediaType);
}

/** True for a foreign layer: clients get it from its `urls`, so a copy of the image never has to include it. */
export function isNonDistributable(mediaType: string): boolean {
  return NOT_DISTRIBUTABLE.test(mediaType);
}

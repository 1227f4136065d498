import { INTEGER, list, map, object, type Shape, VALUE } from './json/shape.js';

/*
 * The members that tools decode in each document: those in the specifications, and others in the structs of moby,
 * containers/image and containerd. No tool reads other members.
 */

const PLATFORM = object(['architecture', 'os', 'os.version', 'os.features', 'variant', 'features']);

const STRING_MAP = map(VALUE);

/** (image-spec, descriptor.md) */
const DESCRIPTOR = object(['mediaType', 'digest', 'urls', 'data', 'artifactType'], {
  size: INTEGER,
  annotations: STRING_MAP,
  platform: PLATFORM,
});

/**
 * A manifest of any format, because the format is known only after parsing.
 * (image-spec, manifest.md, image-index.md; distribution, manifest-v2-1.md, manifest-v2-2.md)
 */
export const MANIFEST: Shape = object(['mediaType', 'artifactType', 'name', 'tag', 'architecture'], {
  schemaVersion: INTEGER,
  config: DESCRIPTOR,
  layers: list(DESCRIPTOR),
  manifests: list(DESCRIPTOR),
  blobs: list(DESCRIPTOR),
  subject: DESCRIPTOR,
  annotations: STRING_MAP,
  fsLayers: list(object(['blobSum'])),
  history: list(object(['v1Compatibility'])),
  signatures: list(
    object(['signature', 'protected'], {
      header: object(['alg', 'x5c', 'chain'], {
        jwk: object(['kty', 'kid', 'crv', 'x', 'y', 'n', 'e']),
      }),
    }),
  ),
});

/** The protected header of a schema1 signature. (distribution, manifest-v2-1.md) */
export const PROTECTED_HEADER: Shape = object(['formatTail', 'time'], { formatLength: INTEGER });

/** The configuration of a container. (moby, api/types/container, `Config`, with members of Docker before 1.7) */
const CONTAINER_CONFIG = object(
  [
    ...['Hostname', 'Domainname', 'User', 'AttachStdin', 'AttachStdout', 'AttachStderr', 'PortSpecs', 'Tty'],
    ...['OpenStdin', 'StdinOnce', 'Env', 'Cmd', 'ArgsEscaped', 'Image', 'WorkingDir', 'Entrypoint'],
    ...['NetworkDisabled', 'MacAddress', 'OnBuild', 'StopSignal', 'Shell', 'Cpuset', 'VolumesFrom'],
  ],
  {
    ExposedPorts: map(VALUE),
    Volumes: map(VALUE),
    Labels: STRING_MAP,
    StopTimeout: INTEGER,
    Memory: INTEGER,
    MemorySwap: INTEGER,
    CpuShares: INTEGER,
    Healthcheck: object(['Test'], {
      Interval: INTEGER,
      Timeout: INTEGER,
      StartPeriod: INTEGER,
      StartInterval: INTEGER,
      Retries: INTEGER,
    }),
  },
);

/** An OCI or Docker config, or the image JSON of Docker before 1.10. (image-spec, config.md; moby, image/image.go) */
export const CONFIG: Shape = object(
  [
    ...[
      'id',
      'parent',
      'comment',
      'created',
      'container',
      'docker_version',
      'author',
      'architecture',
      'variant',
    ],
    ...['os', 'os.version', 'os.features', 'throwaway', 'parent_id', 'layer_id'],
  ],
  {
    config: CONTAINER_CONFIG,
    container_config: CONTAINER_CONFIG,
    Size: INTEGER,
    rootfs: object(['type', 'diff_ids', 'base_layer']),
    history: list(object(['created', 'created_by', 'author', 'comment', 'empty_layer'])),
  },
);

/** The file oci-layout. (image-spec, image-layout.md) */
export const LAYOUT: Shape = object(['imageLayoutVersion']);

/** manifest.json of a Docker archive. (moby, image/tarexport, `manifestItem`) */
export const ARCHIVE_MANIFEST: Shape = list(
  object(['Config', 'RepoTags', 'Layers', 'Parent'], { LayerSources: map(DESCRIPTOR) }),
);

/** The file repositories of a Docker archive: an object of tags by repository, and in it image IDs by tag. */
export const REPOSITORIES: Shape = map(map(VALUE));

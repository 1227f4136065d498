import type { Descriptor } from '../../content/descriptor.js';
import { algorithmOf } from '../../content/digest.js';
import { isNonDistributable, isZstd } from '../../content/media-types.js';
import { ContentError } from '../../errors.js';
import { type ImageConfig, parseConfig } from '../../manifest/config.js';
import { isEncrypted } from '../../manifest/layer-types.js';
import type { ImageManifest } from '../../manifest/manifest.js';

/** Why `docker load` does not load an image, and so nothing that stands behind it. */
export interface DockerRefusal {
  /** What is said after a colon, of one image or of several. */
  reason: string;
  /** Whether no Docker does; else some do. */
  isEvery: boolean;
  /** Whether it is said of the whole archive, before that is written. */
  isToldBefore?: boolean;
}

export interface DockerJudgement {
  /** Bytes of the image's config; undefined where it is not there. */
  config: Buffer | undefined;
  /** Whether layers are decompressed in the archive, rather than as their types say. */
  areLayersPlain: boolean;
  isHeld: (descriptor: Descriptor) => boolean;
}

/** The most that Docker's layer store stacks. (moby, layer/layer_store.go, `maxLayerDepth`) */
export const MAX_DOCKER_LAYERS = 125;

/**
 * What `docker load` makes of an image of `manifest.json`, as Docker 20.10 did when it was given each of these. It stops
 * at the first image that it refuses. (moby, image/tarexport/load.go; image/store.go, `Create`)
 */
export function dockerRefusalOf(
  { config: descriptor, layers }: ImageManifest,
  { config: bytes, areLayersPlain, isHeld }: DockerJudgement,
): DockerRefusal | undefined {
  const missing = layers.filter((layer) => !isHeld(layer));
  if (missing.some(({ mediaType }) => isNonDistributable(mediaType)))
    return every('foreign layers are not in the archive');
  if (missing.length > 0 || bytes === undefined) return every('layers are not in the archive');
  if (layers.some(({ mediaType }) => isEncrypted(mediaType))) return every('encrypted layers');
  if (layers.length > MAX_DOCKER_LAYERS)
    return every(`${layers.length} layers, of which Docker takes ${MAX_DOCKER_LAYERS}`);
  const config = configIn(bytes, descriptor);
  if (config === undefined) return every('the config is no JSON object');
  const problem = problemOf(config, layers.length);
  if (problem !== undefined) return every(problem);
  if (config.os === 'windows')
    return { reason: 'for Windows, which Docker on Linux refuses', isEvery: false };
  if (!areLayersPlain && layers.some(({ mediaType }) => isZstd(mediaType)))
    return { reason: 'layers in zstd, which Docker before 23 refuses', isEvery: false, isToldBefore: true };
  return undefined;
}

function every(reason: string): DockerRefusal {
  return { reason, isEvery: true };
}

function configIn(bytes: Buffer, { digest, mediaType }: Descriptor): ImageConfig | undefined {
  try {
    return parseConfig(bytes, digest, { mediaType });
  } catch (error) {
    if (error instanceof ContentError) return undefined;
    throw error;
  }
}

function problemOf({ irregular, rootfs, history, os }: ImageConfig, layers: number): string | undefined {
  const { diff_ids: diffIDs } = rootfs;
  // An empty rootfs is one of no layers; a config without it is none to Docker.
  const isOfDiffIDs = irregular?.place.startsWith('/rootfs/') && diffIDs.length === layers;
  if (irregular?.refusedBy.includes('Docker') && !isOfDiffIDs)
    return `the config is not valid: ${irregular.problem}`;
  if (diffIDs.length !== layers) return `${layers} layers, but the config names ${diffIDs.length}`;
  if (diffIDs.some((diffID) => algorithmOf(diffID) !== 'sha256'))
    return 'diffIDs of another algorithm than sha256';
  const steps = history.filter((entry) => entry.empty_layer !== true).length;
  if (steps > layers) return `a history with ${steps} steps that made a layer, but ${layers} layers`;
  if (os !== '' && os !== 'linux' && os !== 'windows') return `for ${os}`;
  return undefined;
}

import type { Descriptor } from '../../content/descriptor.js';
import { algorithmOf } from '../../content/digest.js';
import { isNonDistributable, isZstd } from '../../content/media-types.js';
import { ContentError } from '../../errors.js';
import { type ImageConfig, parseConfig } from '../../manifest/config.js';
import { isEncrypted } from '../../manifest/layer-types.js';
import type { ImageManifest } from '../../manifest/manifest.js';

/** Why `docker load` refuses an image, and so does not load anything after it. */
export interface DockerRefusal {
  /** Text for a message after a colon, about one image or several. */
  reason: string;
  /** True if no version of Docker loads it, false if some do. */
  isEvery: boolean;
  /** True if a warning about the whole archive says it before the archive is written. */
  isReportedBefore?: boolean;
}

export interface DockerJudgement {
  /** Bytes of the image's config; undefined if it is missing. */
  config: Buffer | undefined;
  /** True if layers are stored uncompressed, whatever their types say. */
  areLayersPlain: boolean;
  isHeld: (descriptor: Descriptor) => boolean;
}

/** Maximum number of layers in Docker's layer store. (moby, layer/layer_store.go, `maxLayerDepth`) */
export const MAX_DOCKER_LAYERS = 125;

/**
 * Returns why `docker load` refuses an image of `manifest.json`; undefined if it does not. Tested with Docker 20.10,
 * which stops at the first image that it refuses. (moby, image/tarexport/load.go; image/store.go, `Create`)
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
    return {
      reason: 'layers in zstd, which Docker before 23 refuses',
      isEvery: false,
      isReportedBefore: true,
    };
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
  // To Docker, an empty rootfs has no layers, and a config without rootfs is invalid.
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

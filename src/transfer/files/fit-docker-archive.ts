import { algorithmOf } from '../../content/digest.js';
import { readName } from '../../content/names.js';
import { formatPlatform } from '../../content/platform.js';
import type { OnCopyEvent } from '../../events.js';
import { type ManifestTree, manifestOf } from '../../graph/tree.js';
import { keptAs } from '../../manifest/artifact.js';
import { parseConfig } from '../../manifest/config.js';
import { isEncrypted } from '../../manifest/layer-types.js';
import type { ImageManifest } from '../../manifest/manifest.js';
import { isDockerImage } from '../../store/archive/docker-manifest.js';
import { aBlob, fitting, warn } from '../fitting.js';
import type { ImageTrees } from '../plan.js';

/**
 * Reduces images to what a docker-archive can hold: complete images of one platform each, no attachments, and names
 * with tags.
 */
export function fitDockerArchive(
  images: readonly ImageTrees[],
  onEvent: OnCopyEvent | undefined,
): ImageTrees[] {
  return fitting(images, dockerArchiveLacks, onEvent).map((image) => {
    const { name, tree, attached } = image;
    const read = readName(name);
    const left = (tree.leftOut ?? []).map(formatPlatform);
    if (left.length > 0)
      warn(
        onEvent,
        `${name}: a docker-archive can hold only ${tree.platforms.map(formatPlatform).join()} of it; left out: ${left.join(', ')}`,
      );
    if (attached.length > 0)
      warn(onEvent, `${name}: a docker-archive has no room for its ${attached.length} attachments; left out`);
    if (read.kind !== 'image' || read.reference.tag === undefined)
      warn(onEvent, `${name}: a docker-archive names images only by tags, so this one has no name in it`);
    return attached.length > 0 ? { ...image, attached: [] } : image;
  });
}

/**
 * Returns why an image does not fit in a docker-archive, as the rest of a sentence, or undefined if it fits. The writer
 * checks the config further.
 */
function dockerArchiveLacks({ tree }: ImageTrees): string | undefined {
  const what = otherThanImage(tree);
  if (what !== undefined) return `is ${what}: a docker-archive has no room for it`;
  const manifest = manifestOf(tree);
  if (!isDockerImage(manifest)) return `is ${manifest.mediaType}: a docker-archive has no room for it`;
  if (manifest.layers.some(({ mediaType }) => isEncrypted(mediaType)))
    return 'has encrypted layers, but a docker-archive can hold only plain ones';
  if ((tree.foreign ?? []).length > 0)
    return 'has foreign layers that are not here, but a docker-archive must contain all layers';
  const config = tree.blobs.find((blob) => blob.descriptor.digest === manifest.config.digest)?.bytes;
  return config && diffIDsLack(config, manifest);
}

/** Describes content that an engine cannot run: blobs, charts, SBOMs, signatures, plugins. */
function otherThanImage(tree: ManifestTree): string | undefined {
  if (tree.isBlob) return aBlob(tree);
  const kept = keptAs(manifestOf(tree));
  return (
    kept &&
    `not an image but ${{ artifact: 'an artifact', attestation: 'an attestation', plugin: 'a plugin' }[kept]}`
  );
}

/** A layer that is stored uncompressed is verified by its diffID alone, so every layer needs one. */
function diffIDsLack(
  config: Buffer,
  { config: { digest, mediaType }, layers }: ImageManifest,
): string | undefined {
  const { diff_ids: diffIDs } = parseConfig(config, digest, { mediaType }).rootfs;
  if (diffIDs.length !== layers.length)
    return `has ${layers.length} layers, but its config names ${diffIDs.length}; a docker-archive needs exactly one for each`;
  return diffIDs.every((diffID) => algorithmOf(diffID) === 'sha256')
    ? undefined
    : 'has a config that does not name its layers by sha256, as a docker-archive does';
}

import type { Digest } from '../../content/digest.js';
import { ContentError } from '../../errors.js';
import { configOfV1, isOfOldDocker, readV1Document, type V1Document } from './config.js';

/**
 * Builds the config of an image in an archive of Docker before 1.10 from the `json` files of its folders, base first.
 * It has the same bytes as the config that `docker load` makes, and so the same image ID. Throws `INVALID_ARCHIVE` if
 * the images are not a chain of parents, or their number is not that of the diffIDs. (moby, image/tarexport,
 * `legacyLoadImage`)
 */
export function configOfV1Chain(
  images: readonly Buffer[],
  diffIDs: readonly Digest[],
  where = 'the archive',
): { config: Buffer; lost: string[] } {
  const documents = images.map((bytes, place) => readV1Document(bytes, `${where}, v1 image ${place + 1}`));
  const top = documents.at(-1);
  if (top === undefined || documents.length !== diffIDs.length) {
    throw new ContentError(
      'INVALID_ARCHIVE',
      `${where} has ${documents.length} v1 images for ${diffIDs.length} layers`,
    );
  }
  refuseBrokenChain(documents);
  // Docker's loader treats a missing version as the oldest; tools that read schema1 treat it as the newest.
  const isOld = isOfOldDocker(top.image.docker_version ?? '');
  const history = documents.map(({ image, where }) => ({ image, where, emptyLayer: false }));
  return configOfV1(top.bytes, { history, diffIDs, isOld }, top.where);
}

function refuseBrokenChain(documents: readonly V1Document[]): void {
  let below: string | undefined;
  for (const { image, where } of documents) {
    if (image.parent !== below) {
      throw new ContentError(
        'INVALID_ARCHIVE',
        `${where} (${image.id}) has the parent ${image.parent ?? 'none'} instead of ${below ?? 'none'}`,
      );
    }
    below = image.id;
  }
}

import type { Digest } from '../../content/digest.js';
import { ContentError } from '../../errors.js';
import { configOfV1, isOfOldDocker, readV1Document, type V1Document } from './config.js';

/**
 * The config of an image in an archive of Docker before 1.10, from its folders' `json`, base first: byte for
 * byte what `docker load` makes of it, and so the same image ID. Throws `INVALID_ARCHIVE` where the images
 * do not stand on each other or are not as many as the diffIDs. (moby, image/tarexport, `legacyLoadImage`)
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
  // Where no version is given, this loader takes the oldest; schema1's readers take the newest.
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
        `${where} (${image.id}) has the parent ${image.parent ?? 'none'} where ${below ?? 'none'} was expected`,
      );
    }
    below = image.id;
  }
}

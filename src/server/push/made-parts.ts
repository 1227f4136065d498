import { isManifest } from '../../content/media-types.js';
import type { Document } from '../../manifest/convert/conversion.js';
import { parseManifest } from '../../manifest/manifest.js';
import type { WritableRepository } from '../../store/writable-repository.js';
import type { Conversions } from '../read/conversions.js';
import { findParts, type PartsOptions } from './manifest-parts.js';

/**
 * Returns a function that stores converted content of this repository when a pushed manifest names it. A client that
 * has pulled such content, or has got a 200 for its HEAD, does not push it.
 */
export function keeperOfMade(
  repository: WritableRepository,
  name: string,
  { conversions, ...options }: Omit<PartsOptions, 'keepMade'> & { conversions: Conversions | undefined },
): PartsOptions['keepMade'] {
  const keepMade: PartsOptions['keepMade'] = async (digest) => {
    const made = await conversions?.find(repository, { repository: name, digest }, options);
    if (made === undefined) return false;
    const { descriptor, bytes } = made;
    if (isManifest(descriptor.mediaType)) {
      const parts = await findParts(repository, parseManifest(bytes, descriptor), {
        ...options,
        keepMade,
      });
      await repository.putManifest(descriptor, bytes, parts);
    } else await upload(repository, made);
    return true;
  };
  return keepMade;
}

async function upload(repository: WritableRepository, { descriptor, bytes }: Document): Promise<void> {
  const blob = await repository.createUpload();
  await blob.append(once(bytes));
  await blob.commit(descriptor.digest);
}

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

import { stat } from 'node:fs/promises';
import { readFailure } from '../disk/region.js';
import { LadingError } from '../errors.js';
import { parseLocator, requirePathMeant } from '../store/locator.js';

/** A place from which names and content can be removed. */
export type RemovablePlace = { kind: 'bucket'; location: string } | { kind: 'layout'; directory: string };

/**
 * Parses `s3://…`, a directory or `oci:DIRECTORY`, where `what` is removed. Rejects with `NOT_FOUND` for a path that does not
 * exist, and with `USAGE` for archives, registries and engines.
 *
 * Archives are written once. Registries decide by themselves: the specification lets them refuse to delete tags, as
 * many do, and what they offer instead, to delete a manifest, takes all of its tags with it.
 * (distribution-spec, "Deleting tags", "Deleting Manifests")
 */
export async function removablePlace(text: string, what: 'content' | 'names'): Promise<RemovablePlace> {
  const locator = parseLocator(text);
  const only = `${what === 'names' ? 'names are' : 'content is'} removed only from directories and buckets`;
  switch (locator.kind) {
    case 's3':
      return { kind: 'bucket', location: text };
    case 'docker':
      throw new LadingError('USAGE', `${text} is a registry, and ${only}`, {
        hint: 'Use what the registry has for it: many refuse to delete a tag, or delete all tags of its image.',
      });
    case 'docker-daemon':
      throw new LadingError('USAGE', `${text} is of an engine, and ${only}`, { hint: 'Use docker rmi.' });
    case 'path':
      await requirePathMeant(text);
      break;
    default:
      if (locator.reference !== undefined)
        throw new LadingError('USAGE', `${text} is an image, and a directory or a bucket is wanted`, {
          hint: 'Write the directory alone, and images after it.',
        });
  }
  const { path } = locator;
  const stats = await stat(path).catch((error: unknown) => {
    throw readFailure(path, error);
  });
  if (stats.isDirectory()) return { kind: 'layout', directory: path };
  throw new LadingError('USAGE', `${path} is a file, and ${only}`, {
    hint: 'Copy the images that you want to keep into a new archive.',
    remedy: 'copy',
  });
}

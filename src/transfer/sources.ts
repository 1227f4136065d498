import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseReference, type Reference } from '../content/reference.js';
import { cacheDirectory } from '../disk/cache-directory.js';
import { isLadingError, LadingError } from '../errors.js';
import type { ConnectionOptions } from '../registry/connect.js';
import type { ImageFiles } from '../store/image-files.js';
import type { ArchiveLimits } from '../store/limits.js';
import { looksLikePath, parseLocator } from '../store/locator.js';
import { openAnnounced } from '../store/open-announced.js';
import type { OpenedImage } from '../store/remote/open-image.js';
import { readVersion } from '../version.js';

/** What a user named: files on this machine, or images of a registry. */
export type OpenedSource =
  | {
      kind: 'path';
      path: string;
      reference: string | undefined;
      store: ImageFiles;
      close(): Promise<void>;
    }
  | ({ kind: 'registry'; reference: Reference } & OpenedImage);

/**
 * Opens what `text` names: a locator, a path if something is there, else an image or repository of a
 * registry. The source is closed by the caller.
 */
export async function openSource(
  text: string,
  options: ConnectionOptions & ArchiveLimits,
): Promise<OpenedSource> {
  const locator = parseLocator(text);
  if (locator.kind === 'docker') return openRegistry(locator.reference, options);
  if (locator.kind !== 'path') return openFiles(locator.path, locator.reference, options);
  if (existsSync(text)) return openFiles(text, undefined, options);
  return openRegistry(referenceOrPath(text), options);
}

async function openFiles(
  path: string,
  reference: string | undefined,
  { signal, onEvent, maxArchiveBytes, maxRatio }: ConnectionOptions & ArchiveLimits,
): Promise<OpenedSource> {
  const onWarning = (message: string): void => onEvent?.({ type: 'warning', message });
  const cache = cacheDirectory();
  const memory =
    cache === undefined ? undefined : { directory: join(cache, 'archives'), version: readVersion() };
  const store = await openAnnounced(path, { signal, onWarning, maxArchiveBytes, maxRatio, memory });
  store.warnings.forEach(onWarning);
  return { kind: 'path', path, reference, store, close: () => store.close() };
}

/** Most sources are files: what speaks to registries is loaded for those that are not. */
async function openRegistry(reference: Reference, options: ConnectionOptions): Promise<OpenedSource> {
  const { openImage } = await import('../store/remote/open-image.js');
  return { kind: 'registry', reference, ...(await openImage(reference, options)) };
}

function referenceOrPath(text: string): Reference {
  if (looksLikePath(text)) throw new LadingError('NOT_FOUND', `${text} does not exist`);
  try {
    return parseReference(text);
  } catch (error) {
    if (!isLadingError(error, 'INVALID_REFERENCE')) throw error;
    throw new LadingError('NOT_FOUND', `${text} is no file or directory, and no image name either`, {
      cause: error,
      hint: error.hint,
    });
  }
}

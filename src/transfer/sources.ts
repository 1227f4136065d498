import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseReference, type Reference } from '../content/reference.js';
import { cacheDirectory } from '../disk/cache-directory.js';
import { adviceOf, isLadingError, LadingError } from '../errors.js';
import type { RegistryClient } from '../registry/client.js';
import type { ConnectionOptions } from '../registry/connect.js';
import { ImageFiles } from '../store/image-files.js';
import type { ArchiveLimits } from '../store/limits.js';
import { looksLikePath, parseLocator } from '../store/locator.js';
import { openAnnounced } from '../store/open.js';
import type { RemoteSource } from '../store/remote/remote-source.js';
import type { Source } from '../store/store.js';
import { readVersion } from '../version.js';

/** Where images are read from. It is closed by whoever opened it, with `close` or `await using`. */
export interface OpenedSource extends AsyncDisposable {
  /** Files on this machine, the repository of an image in a registry, or a store of the caller's own. */
  readonly kind: 'path' | 'registry' | 'store';
  readonly store: Source;
  close(): Promise<void>;
}

/** What operations read from: a locator, what `openSource` has opened, or a store of any kind. */
export type SourceLike = string | OpenedSource | Source;

/** An archive or a layout on this machine. */
interface OpenedFiles extends OpenedSource {
  readonly kind: 'path';
  readonly path: string;
  /** The image that the locator names, where it names one. */
  readonly reference: string | undefined;
  readonly store: ImageFiles;
}

interface OpenedRepository extends OpenedSource {
  readonly kind: 'registry';
  readonly reference: Reference;
  readonly client: RegistryClient;
  readonly store: RemoteSource;
}

interface OpenedStore extends OpenedSource {
  readonly kind: 'store';
  readonly reference: undefined;
}

/** The same with all that operations know of it. */
export type KnownSource = OpenedFiles | OpenedRepository | OpenedStore;

/**
 * Opens what `source` names: a locator (`oci:DIR[:NAME]`, `oci-archive:FILE[:NAME]`, `docker-archive:FILE[:NAME]`,
 * `docker-daemon:NAME`, `docker://NAME`), a path if something is there, else an image or repository of a registry. What is open already is
 * taken as it is, and stays open when the result is closed. Rejects with `NOT_FOUND`, and with `INVALID_ARCHIVE` or
 * `INVALID_LAYOUT` for files that are neither.
 */
export async function openSource(
  source: SourceLike,
  options: ConnectionOptions & ArchiveLimits = {},
): Promise<OpenedSource> {
  return openKnownSource(source, options);
}

/** `openSource` for operations. */
export async function openKnownSource(
  source: SourceLike,
  options: ConnectionOptions & ArchiveLimits = {},
): Promise<KnownSource> {
  if (typeof source !== 'string') return knownSource(source);
  const locator = parseLocator(source);
  if (locator.kind === 'docker') return openRegistry(locator.reference, options);
  if (locator.kind === 'docker-daemon') return openDaemon(locator.name, options);
  if (locator.kind !== 'path') return openFiles(locator.path, locator.reference, options);
  if (existsSync(source)) return openFiles(source, undefined, options);
  return openRegistry(referenceOrPath(source), options);
}

/** The same source with all that is known of it; its owner closes it. */
export function knownSource(source: OpenedSource | Source): KnownSource {
  const closing = closedBy(async () => undefined);
  if (isKnown(source)) return { ...source, ...closing };
  const store = 'store' in source ? source.store : source;
  if (store instanceof ImageFiles)
    return { kind: 'path', path: store.location, reference: undefined, store, ...closing };
  return { kind: 'store', reference: undefined, store, ...closing };
}

/** Whether lading opened it, rather than somebody who made such an object. */
function isKnown(source: OpenedSource | Source): source is KnownSource {
  return 'kind' in source && 'reference' in source && (source.kind !== 'registry' || 'client' in source);
}

async function openFiles(
  path: string,
  reference: string | undefined,
  { signal, onEvent, maxArchiveBytes, maxRatio }: ConnectionOptions & ArchiveLimits,
): Promise<KnownSource> {
  const onWarning = (message: string): void => onEvent?.({ type: 'warning', message });
  const cache = cacheDirectory();
  const memory =
    cache === undefined ? undefined : { directory: join(cache, 'archives'), version: readVersion() };
  const store = await openAnnounced(path, { signal, onWarning, maxArchiveBytes, maxRatio, memory });
  store.warnings.forEach(onWarning);
  return { kind: 'path', path, reference, store, ...closedBy(() => store.close()) };
}

/** What the engine gives is a file for as long as it is open. */
async function openDaemon(
  name: string,
  { signal, onEvent, maxArchiveBytes, maxRatio }: ConnectionOptions & ArchiveLimits,
): Promise<KnownSource> {
  const { openDockerDaemon } = await import('../store/engine/docker-daemon.js');
  const onWarning = (message: string): void => onEvent?.({ type: 'warning', message });
  const { store, close } = await openDockerDaemon(name, { signal, onWarning, maxArchiveBytes, maxRatio });
  return { kind: 'path', path: store.location, reference: undefined, store, ...closedBy(close) };
}

/** Most sources are files: what speaks to registries is loaded for those that are not. */
async function openRegistry(reference: Reference, options: ConnectionOptions): Promise<KnownSource> {
  const { openImage } = await import('../store/remote/remote-source.js');
  const { client, store, close } = await openImage(reference, options);
  return { kind: 'registry', reference, client, store, ...closedBy(close) };
}

/** What users call a source: what they wrote, or where it is. */
export function locationOf(source: SourceLike): string {
  if (typeof source === 'string') return source;
  return 'kind' in source ? source.store.location : source.location;
}

/** Both ways to close what was opened. */
export function closedBy(close: () => Promise<void>): AsyncDisposable & { close(): Promise<void> } {
  return { close, [Symbol.asyncDispose]: close };
}

function referenceOrPath(text: string): Reference {
  if (looksLikePath(text)) throw new LadingError('NOT_FOUND', `${text} does not exist`);
  try {
    return parseReference(text);
  } catch (error) {
    if (!isLadingError(error, 'INVALID_REFERENCE')) throw error;
    throw new LadingError('NOT_FOUND', `${text} is no file or directory, and no image name either`, {
      cause: error,
      ...adviceOf(error),
    });
  }
}

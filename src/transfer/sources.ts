import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseReference, type Reference } from '../content/reference.js';
import { cacheDirectory } from '../disk/cache-directory.js';
import { adviceOf, isLadingError, LadingError } from '../errors.js';
import { unpackedTo, warningsTo } from '../events.js';
import { readVersion } from '../program.js';
import type { RegistryClient } from '../registry/client.js';
import type { ConnectionOptions } from '../registry/connect.js';
import { ImageFiles } from '../store/image-files.js';
import type { ArchiveLimits } from '../store/limits.js';
import { looksLikePath, parseLocator } from '../store/locator.js';
import { openAnnounced } from '../store/open.js';
import type { RemoteSource } from '../store/remote/remote-source.js';
import type { Source } from '../store/store.js';

/** A place that images are read from. The caller closes it, with `close` or `await using`. */
export interface OpenedSource extends AsyncDisposable {
  /** Files on this machine, the repository of an image in a registry, or the caller's own store. */
  readonly kind: 'path' | 'registry' | 'store';
  readonly store: Source;
  close(): Promise<void>;
}

/** What operations read from: a locator, the result of `openSource`, or any store. */
export type SourceLike = string | OpenedSource | Source;

/** An archive or a layout on this machine. */
interface OpenedFiles extends OpenedSource {
  readonly kind: 'path';
  readonly path: string;
  /** The image that the locator names, if any. */
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

/** An opened source with the details that operations need. */
export type KnownSource = OpenedFiles | OpenedRepository | OpenedStore;

/**
 * Opens `source`: a locator (`oci:DIR[:NAME]`, `oci-archive:FILE[:NAME]`, `docker-archive:FILE[:NAME]`,
 * `docker-daemon:NAME`, `docker://NAME`, `s3://BUCKET[/PREFIX]`), a path if it exists, or else an image or repository of a registry. A source
 * that is already open is used as it is, and stays open when the result is closed. Rejects with `NOT_FOUND`, and with
 * `INVALID_ARCHIVE` or `INVALID_LAYOUT` for files that are not an archive or a layout.
 */
export async function openSource(
  source: SourceLike,
  options: ConnectionOptions & ArchiveLimits = {},
): Promise<OpenedSource> {
  return openKnownSource(source, options);
}

/** Like `openSource`, with the details that operations need. */
export async function openKnownSource(
  source: SourceLike,
  options: ConnectionOptions & ArchiveLimits = {},
): Promise<KnownSource> {
  if (typeof source !== 'string') return knownSource(source);
  const locator = parseLocator(source);
  if (locator.kind === 'docker') return openRegistry(locator.reference, options);
  if (locator.kind === 'docker-daemon') return openDaemon(locator.name, options);
  if (locator.kind === 's3') return openStoreInBucket(locator.location, options);
  if (locator.kind !== 'path') return openFiles(locator.path, locator.reference, options);
  if (existsSync(source)) return openFiles(source, undefined, options);
  return openRegistry(referenceOrPath(source), options);
}

/** Returns an opened source with its details; closing the result does nothing, because its owner closes it. */
export function knownSource(source: OpenedSource | Source): KnownSource {
  const closing = closedBy(async () => undefined);
  if (isKnown(source)) return { ...source, ...closing };
  const store = 'store' in source ? source.store : source;
  if (store instanceof ImageFiles)
    return { kind: 'path', path: store.location, reference: undefined, store, ...closing };
  return { kind: 'store', reference: undefined, store, ...closing };
}

/** True if lading opened it, false if the caller made an object of this shape. */
function isKnown(source: OpenedSource | Source): source is KnownSource {
  return 'kind' in source && 'reference' in source && (source.kind !== 'registry' || 'client' in source);
}

async function openFiles(
  path: string,
  reference: string | undefined,
  { signal, onEvent, maxArchiveBytes, maxRatio }: ConnectionOptions & ArchiveLimits,
): Promise<KnownSource> {
  const onWarning = warningsTo(onEvent);
  const cache = cacheDirectory();
  const memory =
    cache === undefined ? undefined : { directory: join(cache, 'archives'), version: readVersion() };
  const store = await openAnnounced(path, {
    ...{ signal, onWarning, maxArchiveBytes, maxRatio, memory },
    onUnpacked: unpackedTo(onEvent),
  });
  store.warnings.forEach(onWarning);
  return { kind: 'path', path, reference, store, ...closedBy(() => store.close()) };
}

/** Opens an image of the Docker engine; its export is kept in a file until the source is closed. */
async function openDaemon(
  name: string,
  { signal, onEvent, maxArchiveBytes, maxRatio }: ConnectionOptions & ArchiveLimits,
): Promise<KnownSource> {
  const { openDockerDaemon } = await import('../store/engine/docker-daemon.js');
  const onWarning = warningsTo(onEvent);
  const { store, close } = await openDockerDaemon(name, { signal, onWarning, maxArchiveBytes, maxRatio });
  return { kind: 'path', path: store.location, reference: undefined, store, ...closedBy(close) };
}

async function openStoreInBucket(location: string, options: ConnectionOptions): Promise<KnownSource> {
  const { openBucket } = await import('../store/bucket/bucket.js');
  const store = await openBucket(location, options);
  return { kind: 'store', reference: undefined, store, ...closedBy(() => store.close()) };
}

/** Most sources are files, so the registry client is loaded only when it is needed. */
async function openRegistry(reference: Reference, options: ConnectionOptions): Promise<KnownSource> {
  const { openImage } = await import('../store/remote/remote-source.js');
  const { client, store, close } = await openImage(reference, options);
  return { kind: 'registry', reference, client, store, ...closedBy(close) };
}

/** Returns the name of a source for messages: the locator, or the store's location. */
export function locationOf(source: SourceLike): string {
  if (typeof source === 'string') return source;
  return 'kind' in source ? source.store.location : source.location;
}

/** Makes both ways to close a resource from one function. */
export function closedBy(close: () => Promise<void>): AsyncDisposable & { close(): Promise<void> } {
  return { close, [Symbol.asyncDispose]: close };
}

function referenceOrPath(text: string): Reference {
  if (looksLikePath(text)) throw new LadingError('NOT_FOUND', `${text} does not exist`);
  try {
    return parseReference(text);
  } catch (error) {
    if (!isLadingError(error, 'INVALID_REFERENCE')) throw error;
    throw new LadingError('NOT_FOUND', `${text} is neither a file or directory, nor a valid image name`, {
      cause: error,
      ...adviceOf(error),
    });
  }
}

import { access, constants, stat } from 'node:fs/promises';
import type { Descriptor } from '../../content/descriptor.js';
import { LadingError } from '../../errors.js';
import type { ConnectionOptions } from '../../registry/connect.js';
import { delegate } from '../../store/delegate.js';
import { mayBeManifest } from '../../store/image-files.js';
import { entryName } from '../../store/layout/layout-index.js';
import { LayoutReader } from '../../store/layout/layout-reader.js';
import { LiveLayout } from '../../store/layout/live-layout.js';
import { openServedLayout } from '../../store/layout/served.js';
import { isBucket } from '../../store/locator.js';
import { openAnnounced } from '../../store/open.js';
import { type TagConflict, type Tags, tagsOf } from '../../store/repository-view.js';
import type { SignalOption, Source } from '../../store/store.js';
import { mergeRepositories, type Served } from '../../store/union.js';
import type { WritableRepositories } from '../../store/writable-repository.js';
import { knownSource, locationOf, type OpenedSource, type SourceLike } from '../../transfer/sources.js';
import { checking } from './checking.js';
import { onlySelected } from './selected.js';

export interface ServeStoresOptions extends Pick<ConnectionOptions, 's3' | 'tlsVerify' | 'caFile'> {
  /** Accept pushes into a layout directory, which is created if it does not exist; default false. */
  writable?: boolean | undefined;
  /**
   * Serve only these images, by their names, the ends of their names, or patterns (`ghcr.io/product/*`); default all. Not
   * for a layout that accepts pushes.
   */
  select?: readonly string[] | undefined;
  /**
   * Send clients to the bucket for blobs, by URLs that are signed for 15 minutes; default false: blobs go through the
   * server. The clients must reach the bucket.
   */
  redirect?: boolean | undefined;
  /** How long an upload may receive no data before it is removed, in milliseconds; default 24 hours. */
  maxUploadAgeMs?: number | undefined;
  /** Called with messages that the user should see, but that do not stop the server. */
  onWarning?: ((message: string) => void) | undefined;
  signal?: AbortSignal | undefined;
}

/** For so long, clients may begin to fetch a blob from the URL that they are sent to. */
const REDIRECT_SECONDS = 15 * 60;
/**
 * Every client may hold a connection for as long as it fetches a blob, so there may be as many as connections of clients. Those
 * that are fast and need much memory are few, whatever clients do.
 */
const BUCKET_CONNECTIONS = { concurrency: 2048, mostBulk: 16 };
/** Clients wait, and a balancer may have another replica for them, which reads the bucket in another way. */
const BUCKET_ANSWER_MS = 2000;

/** What a registry serves. */
export interface ServedStores {
  openRepository(name: string): Promise<Source | undefined>;
  listRepositories(): Promise<string[]>;
  /** Where pushes are written; undefined if pushes are not accepted. */
  writable: WritableRepositories | undefined;
  /** Rejects if what is served cannot be read. */
  check(): Promise<void>;
  close(): Promise<void>;
}

/** Opens archives and layouts as one registry; if a tag stands for several images, the first one is served. */
export async function openServedStores(
  sources: readonly SourceLike[],
  options: ServeStoresOptions = {},
): Promise<ServedStores> {
  if (options.redirect && !sources.some((source) => typeof source === 'string' && isBucket(source)))
    throw new LadingError('USAGE', 'only the blobs of a bucket can be fetched from somewhere else');
  const opened = await (options.writable ? openWritable : openToRead)(sources, options);
  const check = async (): Promise<void> => {
    for (const source of sources)
      if (typeof source === 'string' && !isBucket(source)) await access(source, constants.R_OK);
    for (const { check: ask } of opened.asked ?? []) await ask?.();
  };
  return { ...opened, check };
}

type Opened = Omit<ServedStores, 'check'> & { asked?: readonly ServedPlace[] };

/** A place that is served; `check` asks it whether it can be read, if no file says so. */
interface ServedPlace extends Served {
  check?: () => Promise<void>;
  /** Called when requests are going to be answered, for whom nothing may take long. */
  begin?: () => void;
}

async function openWritable(
  [path, ...others]: readonly SourceLike[],
  options: ServeStoresOptions,
): Promise<Opened> {
  if (options.select !== undefined)
    throw new LadingError('USAGE', 'a selection of images is served for reading only', {
      hint: 'Copy the images into a layout of their own to accept pushes beside them.',
      remedy: 'copy',
    });
  if (path === undefined || others.length > 0) {
    throw new LadingError(
      'USAGE',
      `only one layout directory can accept pushes, but ${others.length + 1} were given`,
      {
        hint: 'Serve archives beside it with a second server, on another port.',
      },
    );
  }
  if (typeof path !== 'string') {
    throw new LadingError(
      'USAGE',
      `${locationOf(path)} is already open, but to accept pushes a layout directory must be given by its path`,
    );
  }
  if (isBucket(path))
    throw new LadingError('UNSUPPORTED', `${path} is a bucket, which takes no pushes through this server`, {
      hint: 'Write into the bucket directly, from any number of machines.',
      remedy: 'copy',
    });
  if (await isFile(path))
    throw new LadingError('USAGE', `${path} is a file, but only a layout directory can accept pushes`, {
      hint: 'Make a layout of the archive first.',
      remedy: 'copyToLayout',
      remedyFor: path,
    });
  const { maxUploadAgeMs, onWarning } = options;
  const layout = await openServedLayout(path, { maxUploadAgeMs, onWarning });
  return { ...layout, writable: layout };
}

async function isFile(path: string): Promise<boolean> {
  const status = await stat(path).catch(() => undefined); // openServedLayout() reports what is wrong with the path
  return status?.isFile() ?? false;
}

async function openToRead(sources: readonly SourceLike[], options: ServeStoresOptions): Promise<Opened> {
  if (sources.length === 0) throw new LadingError('USAGE', 'no archive or layout to serve was given');
  const stores: ServedPlace[] = [];
  const close = async (): Promise<void> => {
    for (const { store } of stores) await store.close();
  };
  const onConflict = ({ repository, tag, first, other, between }: TagConflict): void =>
    options.onWarning?.(
      `${repository}:${tag} is ${first.digest} and ${other.digest} ${between}: the first one is served`,
    );
  try {
    for (const source of new Set(sources))
      stores.push(await (typeof source === 'string' ? open(source, options) : served(source)));
    const { select } = options;
    const shown = select === undefined ? stores : await onlySelected(stores, select);
    for (const { tags } of shown) await tags();
    for (const { store, location } of shown) await tagsOf(store, { location, onConflict });
    const merged = mergeRepositories(shown, onConflict);
    await merged.listRepositories(); // report conflicts before the first request
    for (const { begin } of stores) begin?.();
    return { ...merged, writable: undefined, close, asked: stores };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Wraps a source that is already open; its owner closes it. */
function served(source: OpenedSource | Source): Served {
  const { store, close } = knownSource(source);
  const tags: Promise<Tags> = tagsOf(store);
  return { location: store.location, store: delegate(store, { close }), tags: () => tags };
}

/** Opens a bucket to be served: others may write to it meanwhile, which its list of names shows. */
async function openServedBucket(location: string, options: ServeStoresOptions): Promise<ServedPlace> {
  const { openBucket } = await import('../../store/bucket/bucket.js');
  const store = await openBucket(location, { ...options, ...BUCKET_CONNECTIONS, lists: true });
  let known: { tags: Tags; version: string; foreign: Source | undefined } | undefined;
  const tags = async (): Promise<Tags> => {
    const [names, attachments, foreign] = await Promise.all([
      store.bucketNames.version(),
      store.attachments.version(),
      store.foreign(),
    ]);
    const version = `${names} ${attachments}`;
    if (known?.version !== version || known.foreign !== foreign)
      known = { tags: await tagsOf(store), version, foreign };
    return known.tags;
  };
  const check = checking(() => store.requireLayout());
  const urlOf = async ({ digest }: Descriptor, call?: SignalOption): Promise<URL> =>
    store.client.presign(store.keys.blob(digest), REDIRECT_SECONDS, call);
  // A start may take longer: the network of a container often comes up after it.
  const begin = (): void => store.client.answerWithin(BUCKET_ANSWER_MS);
  return { location, store: options.redirect ? delegate(store, { urlOf }) : store, tags, check, begin };
}

/** Opens a path to be served. A layout directory is read again as it changes; an archive is read once. */
async function open(path: string, options: ServeStoresOptions): Promise<ServedPlace> {
  if (isBucket(path)) return openServedBucket(path, options);
  const store = await openAnnounced(path, options);
  for (const warning of store.warnings) options.onWarning?.(warning);
  for (const { name, error } of store.broken)
    options.onWarning?.(`${name} is not served, because it is damaged: ${error.message}`);
  for (const entry of store.indexEntries)
    if (entryName(entry) !== undefined && !mayBeManifest(entry))
      options.onWarning?.(
        `${entryName(entry)} is not an image but a blob (${entry.mediaType}): it is served by its digest, without a tag`,
      );
  if (store instanceof LayoutReader && (await stat(path)).isDirectory()) {
    await store.close();
    const layout = await LiveLayout.openDirectory(path);
    return { location: path, store: layout, tags: () => layout.tags() };
  }
  const tags: Promise<Tags> = tagsOf(store);
  return { location: path, store, tags: () => tags };
}

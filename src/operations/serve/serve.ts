import { parsePlatform } from '../../content/platform.js';
import { type OnCopyEvent, warningsTo } from '../../events.js';
import type { WritableOptions } from '../../server/push/push.js';
import { isAttachmentTag } from '../../store/attached.js';
import { closedBy, type SourceLike } from '../../transfer/sources.js';
import { createConversions, type ServeConversionOptions } from './conversion.js';
import { type ListeningServer, type ServeServerOptions, startServer } from './server.js';
import { openServedStores, type ServedStores, type ServeStoresOptions } from './stores.js';

export interface ServeOptions
  extends Omit<ServeServerOptions, 'onWarning'>,
    Omit<ServeStoresOptions, 'onWarning'> {
  onEvent?: OnCopyEvent | undefined;
  /**
   * The platform of an index that is served to clients that do not accept an index, as OS/ARCH[/VARIANT]; default
   * linux/amd64.
   */
  platform?: string | undefined;
  /** Serve schema1 to clients without an Accept header, for Docker before 1.10; default false: the stored form. */
  schema1Default?: boolean | undefined;
  /** Limits of conversions for old clients; default: 4 GiB per layer, and a compression ratio of 200. */
  conversions?: Pick<ServeConversionOptions, 'maxLayerBytes' | 'maxRatio'> | undefined;
  /** Limits of pushes. */
  push?: Omit<WritableOptions, 'repositories'> | undefined;
}

export interface Serving extends ListeningServer, AsyncDisposable {
  /** Paths of the repositories when the server started. */
  repositories: string[];
  /** The images with tags at that time, as `REPOSITORY:TAG`, by repository. */
  images: string[];
}

/**
 * Serves archives and layouts as a registry, directly from their files: an image `HOST/REPOSITORY:TAG` becomes
 * `/REPOSITORY:TAG`. Several sources form one registry; changes of a layout are served, too.
 */
export async function serve(
  sources: SourceLike | readonly SourceLike[],
  options: ServeOptions = {},
): Promise<Serving> {
  const platform = options.platform === undefined ? undefined : parsePlatform(options.platform);
  const onWarning = warningsTo(options.onEvent);
  const stores = await openServedStores(isList(sources) ? sources : [sources], { ...options, onWarning });
  const conversions = createConversions({
    ...options.conversions,
    platform,
    onWarning,
  });
  try {
    const { openRepository, listRepositories, writable, check } = stores;
    const repositories = (await listRepositories()).sort();
    const images = await taggedImages(repositories, openRepository);
    const server = await startServer(
      {
        openRepository,
        listRepositories,
        conversions,
        schema1Default: options.schema1Default ?? false,
        checkStore: check,
        ...(writable !== undefined && { writable: { ...options.push, repositories: writable } }),
      },
      { ...options, onWarning },
    );
    return {
      ...server,
      repositories,
      images,
      ...closedBy(async () => {
        await server.close();
        await conversions.close();
        await stores.close();
      }),
    };
  } catch (error) {
    await stores.close();
    throw error;
  }
}

async function taggedImages(
  repositories: readonly string[],
  open: ServedStores['openRepository'],
): Promise<string[]> {
  const images: string[] = [];
  for (const repository of repositories) {
    const store = await open(repository);
    if (store === undefined) continue;
    for await (const { name } of store.names())
      if (!isAttachmentTag(name)) images.push(`${repository}:${name}`);
  }
  return images;
}

function isList(sources: SourceLike | readonly SourceLike[]): sources is readonly SourceLike[] {
  return Array.isArray(sources);
}

import { isLadingError, LadingError } from '../errors.js';
import { type RunCredentials, scopeCredentials } from '../registry/auth/run-credentials.js';
import type { ConnectionOptions } from '../registry/connect.js';
import { sharingRate } from '../registry/http/byte-rate.js';
import type { ArchiveLimits } from '../store/limits.js';
import { type DestinationLocator, parseDestinationLocator } from '../store/locator.js';
import { type DestinationLike, destinationName, openDestination } from '../transfer/destinations.js';
import { readSourceImages } from '../transfer/files/read-files.js';
import { isRegistryTarget, registryOf } from '../transfer/registry/registry-names.js';
import { requestsOf } from '../transfer/requests.js';
import { type KnownSource, locationOf, openKnownSource, type SourceLike } from '../transfer/sources.js';
import { transfer } from '../transfer/transfer.js';
import type { PlatformOptions } from './choose-index.js';

export interface CopyImagesOptions extends ConnectionOptions, ArchiveLimits, PlatformOptions {
  /** A locator, a path, an image of a registry, or an opened source. */
  source: SourceLike;
  /** A locator, a path (an archive, or with a trailing `/` a layout), or any store. */
  destination: DestinationLike;
  /**
   * Copy only these images of an archive or layout, by their names, the ends of their names, or patterns
   * (`ghcr.io/product/*`), or these tags of the repository (`{>=1.2, newest 2}`); default all, or the image that the
   * source names.
   */
  select?: readonly string[] | undefined;
  /** Also copy signatures, SBOMs and attestations; default true. */
  referrers?: boolean | undefined;
  /** Refuse images whose documents violate their specification; default: they cause a warning. */
  strict?: boolean | undefined;
  /** In a registry, also give a tag to an image that is named by its digest alone; default false. */
  tagDigests?: boolean | undefined;
  /** Refuse to move an existing tag or name that stands for something else; default false. */
  noClobber?: boolean | undefined;
  /** Logins for one side only, instead of `credentials`. */
  sourceCredentials?: RunCredentials | undefined;
  destinationCredentials?: RunCredentials | undefined;
}

export interface CopyImagesResult {
  source: string;
  destination: string;
  images: { name: string; copied: string; digest: string }[];
  blobs: { total: number; copied: number; mounted: number; present: number };
  bytes: { copied: number };
}

/**
 * Copies images from any store to any other, with unchanged digests and without intermediate files. Images that are
 * already at the destination stay.
 */
export async function copyImages(given: CopyImagesOptions): Promise<CopyImagesResult> {
  const options = sharingRate(given);
  const { onEvent, signal } = options;
  const { destination: output } = options;
  const locator = typeof output === 'string' ? await parseDestinationLocator(output) : undefined;
  const append = locator !== undefined && !isRegistryTarget(locator);
  const source = await openKnownSource(options.source, {
    ...options,
    credentials: options.sourceCredentials ?? options.credentials,
  });
  try {
    checkCredentials(source, locator, options);
    const requests = await requestsOf(source, options.select);
    const destination = await openDestination(options.destination, {
      connection: { ...options, credentials: options.destinationCredentials ?? options.credentials },
      append,
      tagDigests: options.tagDigests,
      noClobber: options.noClobber,
      source,
      retags: true,
      signal,
      onEvent,
    });
    try {
      const wanted = { ...options, format: destination.format };
      const whole = destination.format === 'docker-archive' ? ('single' as const) : undefined;
      // Most copies take all platforms.
      const choosing = options.platforms && (await import('./choose-index.js'));
      const { platforms, index } = choosing?.chooseIndex(wanted) ?? { index: whole };
      const chosen = choosing?.withIndexChoice(requests, wanted) ?? requests;
      const { read, placed, blobs, bytes } = await transfer(chosen, destination, {
        ...{ ...options, platforms, index },
        append,
        read: async (asked, how) => {
          const images = await readSourceImages(source, asked, how);
          choosing?.warnOfLeftOut(images.images, wanted);
          return images;
        },
      });
      return {
        source: locationOf(options.source),
        destination: destinationName(output),
        images: read.flatMap((image) => {
          const copied = destination.nameOf(image, placed);
          const { digest } = image.tree.content.descriptor;
          return copied === undefined ? [] : [{ name: image.name, copied, digest }];
        }),
        blobs: { total: blobs.total, copied: blobs.sent, mounted: blobs.mounted, present: blobs.present },
        bytes: { copied: bytes.sent },
      };
    } finally {
      await destination.close();
    }
  } finally {
    await source.close();
  }
}

/** Checks before the first request that a login without a registry is not given for two sides. */
function checkCredentials(
  source: KnownSource,
  destination: DestinationLocator | undefined,
  options: CopyImagesOptions,
): void {
  const { credentials, sourceCredentials, destinationCredentials } = options;
  const from = source.kind === 'registry' ? [source.reference.registry] : [];
  const to = destination !== undefined && isRegistryTarget(destination) ? [registryOf(destination)] : [];
  try {
    scopeCredentials(credentials, [...from, ...to]);
    scopeCredentials(sourceCredentials, from);
    scopeCredentials(destinationCredentials, to);
  } catch (error) {
    if (!isLadingError(error, 'USAGE')) throw error;
    const hint = 'Give each side its own login.';
    throw new LadingError('USAGE', error.message, { cause: error, hint, remedy: 'sideCredentials' });
  }
}

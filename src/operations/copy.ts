import { isLadingError, LadingError } from '../errors.js';
import { type RunCredentials, scopeCredentials } from '../registry/auth/run-credentials.js';
import { type ConnectionOptions, connect } from '../registry/connect.js';
import { type DestinationLocator, parseDestinationLocator } from '../store/destination-locator.js';
import type { ArchiveLimits } from '../store/limits.js';
import { imagesForRegistry, isLeftOut, nameAfter, registryDestination } from '../transfer/destination.js';
import { assemblePlan, type CopyRequest } from '../transfer/plan.js';
import {
  isRegistryTarget,
  nameInRegistry,
  type RegistryTarget,
  registryOf,
} from '../transfer/registry-names.js';
import { requestsOf } from '../transfer/requests.js';
import { type OpenedSource, openSource } from '../transfer/sources.js';
import { type SaveFormat, toFiles } from '../transfer/to-files.js';
import { type PushResult, pushImages } from '../transfer/to-registry.js';
import { keptImages, writePlan } from '../transfer/write-plan.js';
import { readSourceImages } from './archive-images.js';
import { openUploadSessions } from './load.js';

export interface CopyImagesOptions extends ConnectionOptions, ArchiveLimits {
  /** A locator, a path, or an image of a registry. */
  source: string;
  /** A locator; a bare path is an archive, or with a trailing `/` a layout. */
  destination: string;
  /** Copy signatures, SBOMs and attestations too; default true. */
  referrers?: boolean | undefined;
  /** Refuse images whose documents break their specification; default: a warning says what is odd. */
  strict?: boolean | undefined;
  /** In a registry, give an image that is named by its digest alone a tag, too; default false. */
  tagDigests?: boolean | undefined;
  /** Refuse to move a tag that is there and names something else; default false. */
  noClobber?: boolean | undefined;
  /** Logins for one side alone, instead of `credentials`. */
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
 * Copies images from any store to any other, digests unchanged, with nothing on this machine's disk in between.
 * What the destination holds stays there.
 */
export async function copyImages(options: CopyImagesOptions): Promise<CopyImagesResult> {
  const destination = await parseDestinationLocator(options.destination);
  const credentials = options.sourceCredentials ?? options.credentials;
  const source = await openSource(options.source, { ...options, credentials });
  try {
    checkCredentials(source, destination, options);
    const requests = await requestsOf(source);
    return isRegistryTarget(destination)
      ? await copyToRegistry(source, requests, destination, options)
      : await copyToFiles(source, requests, destination, options);
  } finally {
    await source.close();
  }
}

/** Before the first request: a login that names no registry cannot be meant for both sides. */
function checkCredentials(
  source: OpenedSource,
  destination: DestinationLocator,
  options: CopyImagesOptions,
): void {
  const { credentials, sourceCredentials, destinationCredentials } = options;
  const from = source.kind === 'registry' ? [source.reference.registry] : [];
  const to = isRegistryTarget(destination) ? [registryOf(destination)] : [];
  try {
    scopeCredentials(credentials, [...from, ...to]);
    scopeCredentials(sourceCredentials, from);
    scopeCredentials(destinationCredentials, to);
  } catch (error) {
    if (!isLadingError(error, 'USAGE')) throw error;
    const hint = 'Give each side its own: --src-creds USER[:PASSWORD] and --dest-creds USER[:PASSWORD].';
    throw new LadingError('USAGE', error.message, { cause: error, hint });
  }
}

async function copyToRegistry(
  source: OpenedSource,
  requests: readonly CopyRequest[],
  destination: RegistryTarget,
  options: CopyImagesOptions,
): Promise<CopyImagesResult> {
  const images = imagesForRegistry(await readSourceImages(source, requests, options), options.onEvent);
  const registry = registryOf(destination);
  const { check } = registryDestination(registry, {
    tagDigests: options.tagDigests,
    wayOut: `Write docker://${registry}/PREFIX/ with the slash: each keeps its path under it.`,
  });
  const targets = check(nameInRegistry(images, destination), options);
  const credentials = options.destinationCredentials ?? options.credentials;
  const client = await connect({ ...options, credentials }, [registry]);
  try {
    const pushed = await pushImages(targets, client, {
      ...options,
      origin:
        source.kind === 'registry' && source.reference.registry === registry
          ? source.reference.repository
          : undefined,
      uploadSessions: await openUploadSessions(options.onEvent),
    });
    return copyResult(options, pushed);
  } finally {
    await client.close();
  }
}

async function copyToFiles(
  source: OpenedSource,
  requests: CopyRequest[],
  destination: Exclude<DestinationLocator, RegistryTarget>,
  options: CopyImagesOptions,
): Promise<CopyImagesResult> {
  const format: SaveFormat | undefined = destination.kind === 'path' ? undefined : destination.kind;
  const reference = destination.kind === 'path' ? undefined : destination.reference;
  const isRetagged = destination.kind === 'oci' && reference !== undefined;
  const output = await toFiles(destination.path, {
    ...options,
    format,
    append: true,
    inputs: source.kind === 'path' && !isRetagged ? [source.path] : [],
  });
  try {
    const originals = await readSourceImages(source, requests, {
      ...options,
      index: format === 'docker-archive' ? 'single' : undefined,
    });
    if (reference !== undefined && originals.length > 1)
      throw new LadingError('USAGE', `${originals.length} images cannot all be called ${reference}`);
    const wanted = originals.map((image) => ({ ...image, name: reference ?? image.name }));
    const checked = output.check(wanted, { append: true, onEvent: options.onEvent });
    const names = checked.map(({ name }) => name);
    const plan = assemblePlan([...checked, ...(await keptImages(output, names, options))]);
    options.onEvent?.({
      type: 'planned',
      images: plan.images.length,
      blobs: plan.blobs.length,
      bytes: plan.bytes,
    });
    const { blobs, bytes } = await writePlan(output, plan, options);
    return {
      source: options.source,
      destination: options.destination,
      images: wanted
        .filter((image) => !isLeftOut(image, checked))
        .map((image) => ({
          name: reference === undefined ? image.name : (originals[0]?.name ?? image.name),
          copied: nameAfter(image, checked),
          digest: image.tree.manifest.descriptor.digest,
        })),
      blobs: { total: blobs.total, copied: blobs.fetched, mounted: 0, present: blobs.reused },
      bytes: { copied: bytes.fetched },
    };
  } finally {
    await output.previous?.close();
  }
}

function copyResult(
  { source, destination }: CopyImagesOptions,
  { images, blobs, bytes }: PushResult,
): CopyImagesResult {
  const { total, pushed, mounted, present } = blobs;
  return {
    source,
    destination,
    images: images.map(({ name, pushed: copied, digest }) => ({ name, copied, digest })),
    blobs: { total, copied: pushed, mounted, present },
    bytes: { copied: bytes.pushed },
  };
}

import { isDigest } from '../content/digest.js';
import { isTag, parseReference, pushableName, type Reference } from '../content/reference.js';
import { assemblePlan, type CopyRequest, type ImageTrees, readImages } from '../copy/plan.js';
import { isLadingError, LadingError } from '../errors.js';
import { type DestinationLocator, parseDestinationLocator } from '../store/destination-locator.js';
import { readSourceImages } from './archive-images.js';
import { type ConnectionOptions, connect } from './connect.js';
import type { ArchiveLimits } from './layer-limits.js';
import { openUploadSessions } from './load.js';
import { openSource, type Source } from './open-source.js';
import { type ImageToPush, type PushResult, pushImages } from './push-images.js';
import { renamed, requireDistinct } from './rename.js';
import { requestsOf } from './requests.js';
import { type RunCredentials, scopeCredentials } from './run-credentials.js';
import { inspectOutput, requireNothingLost, type SaveFormat } from './save-output.js';
import { previousImages, writePlan } from './write-plan.js';

export interface CopyImagesOptions extends ConnectionOptions, ArchiveLimits {
  /** A locator, a path, or an image of a registry. */
  source: string;
  /** A locator; a bare path is an archive, or with a trailing `/` a layout. */
  destination: string;
  /** Copy signatures, SBOMs and attestations too; default true. */
  referrers?: boolean | undefined;
  /** Refuse images whose documents break their specification; default: a warning says what is odd. */
  strict?: boolean | undefined;
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

/** A repository, an image in it, or a registry. */
type RegistryDestination = Extract<DestinationLocator, { kind: 'docker' | 'registry' }>;

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
    return isRegistry(destination)
      ? await copyToRegistry(source, requests, destination, options)
      : await copyToFiles(requests, destination, options);
  } finally {
    await source.close();
  }
}

function isRegistry(destination: DestinationLocator): destination is RegistryDestination {
  return destination.kind === 'docker' || destination.kind === 'registry';
}

function registryOf(destination: RegistryDestination): string {
  return destination.kind === 'docker' ? destination.reference.registry : destination.registry;
}

/** Before the first request: a login that names no registry cannot be meant for both sides. */
function checkCredentials(source: Source, destination: DestinationLocator, options: CopyImagesOptions): void {
  const { credentials, sourceCredentials, destinationCredentials } = options;
  const from = source.kind === 'registry' ? [source.reference.registry] : [];
  const to = isRegistry(destination) ? [registryOf(destination)] : [];
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
  source: Source,
  requests: readonly CopyRequest[],
  destination: RegistryDestination,
  options: CopyImagesOptions,
): Promise<CopyImagesResult> {
  const images = await readSourceImages(source, requests, options);
  const targets = nameTargets(images, destination);
  const registry = registryOf(destination);
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

/** One image, or the images of one repository, get the name that is asked for; in a registry each keeps its path. */
function nameTargets(images: readonly ImageTrees[], destination: RegistryDestination): ImageToPush[] {
  const targets = images.map((image) => ({
    image,
    destination:
      destination.kind === 'registry'
        ? renamed(requireFullName(image.name), destination)
        : nameIn(destination.reference, image.name, images.length),
  }));
  requireDistinct(
    targets.map(({ image, destination: to }) => ({
      name: image.name,
      digest: image.tree.manifest.descriptor.digest,
      destination: to,
    })),
  );
  return targets;
}

function nameIn(destination: Reference, name: string, count: number): Reference {
  return { ...destination, ...targetTag(name, destination, count) };
}

function requireFullName(name: string): string {
  if (!isTag(name) && !isDigest(name)) return name;
  throw new LadingError('USAGE', `the image ${name} has no name to keep`, {
    hint: 'Copy it alone, to docker://HOST[:PORT]/REPOSITORY:TAG.',
  });
}

/** One image gets the tag that is asked for; of several, each keeps its own. */
function targetTag(name: string, { tag, digest }: Reference, count: number): { tag?: string } {
  if (tag !== undefined && count > 1)
    throw new LadingError('USAGE', `${count} images cannot all be called ${tag}`, {
      hint: 'Leave the tag out: each keeps its own.',
    });
  if (tag !== undefined || digest !== undefined) return {};
  const own = tagOf(name);
  return own === undefined ? {} : { tag: own };
}

function tagOf(name: string): string | undefined {
  const pushable = pushableName(name);
  try {
    const { tag, digest } = parseReference(pushable);
    return tag ?? (digest === undefined && !name.includes('/') ? pushable : undefined);
  } catch (error) {
    if (isLadingError(error, 'INVALID_REFERENCE')) return undefined;
    throw error;
  }
}

async function copyToFiles(
  requests: CopyRequest[],
  destination: Exclude<DestinationLocator, RegistryDestination>,
  options: CopyImagesOptions,
): Promise<CopyImagesResult> {
  const format: SaveFormat | undefined = destination.kind === 'path' ? undefined : destination.kind;
  const reference = destination.kind === 'path' ? undefined : destination.reference;
  if (reference !== undefined && requests.length > 1)
    throw new LadingError('USAGE', `${requests.length} images cannot all be called ${reference}`);
  const named =
    reference === undefined ? requests : requests.map((request) => ({ ...request, name: reference }));
  const output = await inspectOutput(destination.path, { ...options, format, append: true });
  try {
    const names = named.map(({ name }) => name);
    const kept = format === 'docker-archive' ? [] : await previousImages(output.previous, names);
    if (format === 'docker-archive') requireNothingLost(destination.path, output.previous, names);
    const { images } = await readImages([...named, ...kept], {
      ...options,
      index: format === 'docker-archive' ? 'single' : undefined,
    });
    const plan = assemblePlan(images);
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
      images: plan.images
        .filter(({ name }) => names.includes(name))
        .map(({ name, root }) => ({ name, copied: name, digest: root.digest })),
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

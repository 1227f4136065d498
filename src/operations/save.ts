import { dirname, resolve } from 'node:path';
import type { Digest } from '../content/digest.js';
import { type Platform, parsePlatform } from '../content/platform.js';
import { formatReference, parseReference, type Reference, withDefaultTag } from '../content/reference.js';
import { LadingError } from '../errors.js';
import type { RepositoryName } from '../registry/client.js';
import { type ConnectionOptions, connect } from '../registry/connect.js';
import { sharingRate } from '../registry/http/byte-rate.js';
import { isAttachmentTag } from '../store/attached.js';
import type { RemoteSource } from '../store/remote/remote-source.js';
import { createV1Spool, openRepository } from '../store/remote/remote-source.js';
import type { Destination } from '../transfer/destination.js';
import { type DestinationLike, destinationName, isStore } from '../transfer/destinations.js';
import { type SaveOutputOptions, toFiles } from '../transfer/files/to-files.js';
import type { SaveFormat } from '../transfer/files/write-files.js';
import { preferringHeld } from '../transfer/held.js';
import type { CopyRequest, PlannedImage, PlanOptions } from '../transfer/plan.js';
import { toStore } from '../transfer/to-store.js';
import { transfer } from '../transfer/transfer.js';
import { foreignLayers } from './foreign-layers.js';

export interface SaveOptions
  extends ConnectionOptions,
    Omit<SaveOutputOptions, 'dockerPlatform' | 'inputs' | 'name'> {
  /** Names of images, as users type them. */
  images: readonly string[];
  /** A file, a directory (`…/`), a stream for an archive, or any store. */
  output: DestinationLike;
  /** Save every tag of the repositories that are named without a tag; default false. */
  allTags?: boolean | undefined;
  /** Platforms of an index to save, `OS/ARCH[/VARIANT]`; default all, with unchanged digests. */
  platforms?: readonly string[] | undefined;
  /** What happens to an index if only some of its platforms are chosen; default `rewrite`. */
  index?: 'sparse' | 'rewrite' | undefined;
  /** Also save signatures, SBOMs and attestations; default true. */
  referrers?: boolean | undefined;
  /** Also fetch foreign layers, from their registry or from the `urls` in their manifests; default false. */
  includeForeign?: boolean | undefined;
  /** The platform in the Docker half of an archive; default linux/amd64, or else the first. */
  dockerPlatform?: string | undefined;
  /** Refuse images whose documents violate their specification; default: they cause a warning. */
  strict?: boolean | undefined;
  /** Save the other images if one fails; default false. */
  keepGoing?: boolean | undefined;
}

export interface SavedImage {
  name: string;
  digest: Digest;
  mediaType: string;
  platforms: Platform[];
  /** Bytes of everything the image needs. */
  size: number;
  /** Number of signatures, SBOMs and attestations that were saved with it. */
  referrers: number;
  /** The digest at the registry, if the index was rewritten. */
  originalDigest?: Digest;
  /** Children that the archive leaves out on purpose. */
  absent?: Digest[];
}

export interface SaveResult {
  /** The output as the user named it; `-` for a stream. */
  output: string;
  format: SaveFormat | 'store';
  images: SavedImage[];
  blobs: { total: number; fetched: number; reused: number };
  bytes: { total: number; fetched: number };
  /** Images that could not be saved; only with `keepGoing`. */
  failures: { name: string; error: unknown }[];
}

/**
 * Pulls images from their registries into one archive or layout, with unchanged digests. Content that the output
 * already has is not fetched again; the same call resumes an interrupted run.
 */
export async function save(given: SaveOptions): Promise<SaveResult> {
  const options = sharingRate(given);
  const references = options.images.map(parseReference);
  if (references.length === 0) throw new LadingError('USAGE', 'no image was given');
  const choice = chooseIndex(options);
  const output = isStore(options.output)
    ? toStore(options.output)
    : await toFiles(options.output, { ...options, dockerPlatform: choice.dockerPlatform });
  const client = await connect(options, [...new Set(references.map(({ registry }) => registry))]);
  // Beside the output, where there is space for images.
  const spool = createV1Spool(
    options,
    typeof options.output === 'string' ? dirname(resolve(options.output)) : undefined,
  );
  try {
    const requests = await requestsFor(references, options, (name) => {
      const source = openRepository(client, name, spool, options);
      return output.previous === undefined ? source : preferringHeld(source, output.previous);
    });
    if (!options.includeForeign) return await saveTo(output, requests, options, choice);
    const registries = new Map(requests.map(({ source, name }) => [source, parseReference(name).registry]));
    const layers = await foreignLayers(options, (source) => registries.get(source) ?? '');
    try {
      return await saveTo(output, requests, options, { ...choice, foreign: layers.foreign });
    } finally {
      await layers.close();
    }
  } finally {
    await spool.close();
    await client.close();
    await output.close();
  }
}

async function saveTo(
  output: Destination & Pick<SaveResult, 'format'>,
  requests: CopyRequest[],
  options: SaveOptions,
  choice: IndexChoice,
): Promise<SaveResult> {
  const { onEvent } = options;
  const saved = await transfer(requests, output, {
    ...options,
    ...choice,
    onChecked(placed) {
      for (const { name, tree } of placed)
        if (tree.absent.length > 0 && options.index === undefined)
          onEvent?.({
            type: 'warning',
            message: `${name} is named by its digest, so its index is not changed; left out on purpose: ${tree.absent.join(', ')}`,
          });
    },
  });
  return {
    output: destinationName(options.output),
    format: output.format,
    images: [...saved.images.map(({ planned }) => planned), ...saved.kept].map(savedImage),
    blobs: { total: saved.blobs.total, fetched: saved.blobs.sent, reused: saved.blobs.present },
    bytes: { total: saved.bytes.total, fetched: saved.bytes.sent },
    failures: saved.failures,
  };
}

interface IndexChoice {
  platforms: Platform[] | undefined;
  index: 'sparse' | 'rewrite' | 'single';
  dockerPlatform: Platform | undefined;
  foreign?: PlanOptions['foreign'];
}

/**
 * Decides what happens to indexes: a docker-archive holds one platform of an image, other formats keep what was
 * requested.
 */
function chooseIndex(options: SaveOptions): IndexChoice {
  const platforms = options.platforms?.map(parsePlatform);
  const dockerPlatform =
    options.dockerPlatform === undefined ? undefined : parsePlatform(options.dockerPlatform);
  if (options.format !== 'docker-archive') {
    return { platforms, index: options.index ?? 'rewrite', dockerPlatform };
  }
  const chosen = platforms ?? (dockerPlatform && [dockerPlatform]);
  if (chosen !== undefined && chosen.length > 1) {
    throw new LadingError('USAGE', 'a docker-archive holds one platform of an image', {
      hint: 'Choose one, or another format (universal).',
      remedy: 'onePlatform',
    });
  }
  return { platforms: chosen, index: 'single', dockerPlatform };
}

/** Returns one request per named image; duplicates are saved once. */
async function requestsFor(
  references: Reference[],
  options: SaveOptions,
  open: (name: RepositoryName) => RemoteSource,
): Promise<CopyRequest[]> {
  const stores = new Map<string, RemoteSource>();
  const requests = new Map<string, CopyRequest>();
  for (const reference of references) {
    const { registry, repository } = reference;
    const key = `${registry}/${repository}`;
    const source = stores.get(key) ?? open({ registry, repository });
    stores.set(key, source);
    for (const named of await expandTags(reference, source, options)) {
      const { tag, digest } = named;
      // If a name has both, the digest selects what is pulled, and the tag is its name.
      const name = formatReference(tag === undefined ? named : { registry, repository, tag });
      const pulled = digest ?? tag ?? 'latest';
      requests.set(`${name} ${pulled}`, { source, reference: pulled, name, index: indexOf(named, options) });
    }
  }
  return [...requests.values()];
}

/** Keeps the index of an image that is named by its digest, and leaves out the platforms that were not chosen. */
function indexOf({ digest }: Reference, { index, platforms, format }: SaveOptions): CopyRequest['index'] {
  const isPinned = digest !== undefined && platforms !== undefined && format !== 'docker-archive';
  return isPinned && index === undefined ? 'sparse' : undefined;
}

async function expandTags(
  reference: Reference,
  source: RemoteSource,
  options: SaveOptions,
): Promise<Reference[]> {
  if (!options.allTags || reference.tag !== undefined || reference.digest !== undefined)
    return [withDefaultTag(reference)];
  const tags: string[] = [];
  for await (const tag of source.tags({ signal: options.signal })) {
    if (!isAttachmentTag(tag)) tags.push(tag);
  }
  if (tags.length > 0) return tags.map((tag) => ({ ...reference, tag }));
  throw new LadingError('NOT_FOUND', `${formatReference(reference)} has no tags`);
}

function savedImage(image: PlannedImage): SavedImage {
  return {
    name: image.name,
    digest: image.root.digest,
    mediaType: image.root.mediaType,
    platforms: image.platforms,
    size: image.size,
    referrers: image.referrers,
    ...(image.original && { originalDigest: image.original.digest }),
    ...(image.absent.length > 0 && { absent: image.absent }),
  };
}

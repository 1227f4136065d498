import { dirname, resolve } from 'node:path';
import type { Digest } from '../content/digest.js';
import { type Platform, parsePlatform } from '../content/platform.js';
import { formatReference, parseReference, type Reference } from '../content/reference.js';
import { LadingError } from '../errors.js';
import type { RepositoryName } from '../registry/client.js';
import { type ConnectionOptions, connect } from '../registry/connect.js';
import { sharingRate } from '../registry/http/byte-rate.js';
import { isBucket } from '../store/locator.js';
import type { RemoteSource } from '../store/remote/remote-source.js';
import { createV1Spool, openRepository } from '../store/remote/remote-source.js';
import type { Destination } from '../transfer/destination.js';
import {
  type DestinationLike,
  destinationName,
  isStore,
  refuseFileOptions,
} from '../transfer/destinations.js';
import { type SaveOutputOptions, toFiles } from '../transfer/files/to-files.js';
import type { SaveFormat } from '../transfer/files/write-files.js';
import { preferringHeld } from '../transfer/held.js';
import type { CopyRequest, PlannedImage, PlanOptions } from '../transfer/plan.js';
import { toBucket } from '../transfer/to-bucket.js';
import { toStore } from '../transfer/to-store.js';
import { transfer } from '../transfer/transfer.js';
import {
  type ExpandedImages,
  expandImages,
  type ImageText,
  parseImageTexts,
  type ResolvedPattern,
} from './expand-images.js';
import { foreignLayers } from './foreign-layers.js';

export interface SaveOptions
  extends ConnectionOptions,
    Omit<SaveOutputOptions, 'dockerPlatform' | 'inputs' | 'name'> {
  /** Names of images and patterns of tags (`REPOSITORY:{>=3.19 <3.22, newest 2}`), as users type them. */
  images: readonly string[];
  /** A file, a directory (`…/`), a bucket (`s3://…`), a stream for an archive, or any store. */
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
  /** What each pattern of tags stood for, if there are patterns. */
  patterns?: ResolvedPattern[];
  /** Images that could not be saved; only with `keepGoing`. */
  failures: { name: string; error: unknown }[];
}

/**
 * Pulls images from their registries into one archive or layout, with unchanged digests. Content that the output
 * already has is not fetched again; the same call resumes an interrupted run.
 */
export async function save(given: SaveOptions): Promise<SaveResult> {
  const options = sharingRate(given);
  const texts = await parseImageTexts(options.images);
  if (texts.length === 0) throw new LadingError('USAGE', 'no image was given');
  const choice = chooseIndex(options);
  const output = await openOutput(options, choice);
  const client = await connect(options, [...new Set(texts.map(({ reference }) => reference.registry))]);
  // Beside the output, where there is space for images.
  const spool = createV1Spool(
    options,
    typeof options.output === 'string' && !isBucket(options.output)
      ? dirname(resolve(options.output))
      : undefined,
  );
  try {
    const { requests, ...expanded } = await requestsFor(texts, options, (name) => {
      const source = openRepository(client, name, spool, options);
      return output.previous === undefined ? source : preferringHeld(source, output.previous);
    });
    if (!options.includeForeign)
      return withExpanded(await saveTo(output, requests, options, choice), expanded);
    const registries = new Map(requests.map(({ source, name }) => [source, parseReference(name).registry]));
    const layers = await foreignLayers(options, (source) => registries.get(source) ?? '');
    try {
      const saved = await saveTo(output, requests, options, { ...choice, foreign: layers.foreign });
      return withExpanded(saved, expanded);
    } finally {
      await layers.close();
    }
  } finally {
    await spool.close();
    await client.close();
    await output.close();
  }
}

async function openOutput(
  options: SaveOptions,
  { dockerPlatform }: IndexChoice,
): Promise<Destination & Pick<SaveResult, 'format'>> {
  const { output } = options;
  if (isStore(output)) return toStore(output);
  if (typeof output !== 'string' || !isBucket(output)) return toFiles(output, { ...options, dockerPlatform });
  refuseFileOptions(`${output} is a bucket`, { ...options, append: false });
  return toBucket(output, options);
}

async function saveTo(
  output: Destination & Pick<SaveResult, 'format'>,
  requests: CopyRequest[],
  options: SaveOptions,
  choice: IndexChoice,
): Promise<Omit<SaveResult, 'patterns'>> {
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

type Expanded = Pick<ExpandedImages, 'patterns' | 'failures'>;

function withExpanded(saved: Omit<SaveResult, 'patterns'>, { patterns, failures }: Expanded): SaveResult {
  return {
    ...saved,
    ...(patterns.length > 0 && { patterns }),
    failures: [...failures, ...saved.failures],
  };
}

/** Returns one request per named image; duplicates are saved once. */
async function requestsFor(
  texts: readonly ImageText[],
  options: SaveOptions,
  open: (name: RepositoryName) => RemoteSource,
): Promise<Expanded & { requests: CopyRequest[] }> {
  const stores = new Map<string, RemoteSource>();
  const sourceOf = ({ registry, repository }: Reference): RemoteSource => {
    const key = `${registry}/${repository}`;
    const source = stores.get(key) ?? open({ registry, repository });
    stores.set(key, source);
    return source;
  };
  const { references, patterns, failures } = await expandImages(texts, {
    ...options,
    tagsOf: (repository) => sourceOf(repository).tags({ signal: options.signal }),
  });
  const requests = new Map<string, CopyRequest>();
  for (const named of references) {
    const { registry, repository, tag, digest } = named;
    // If a name has both, the digest selects what is pulled, and the tag is its name.
    const name = formatReference(tag === undefined ? named : { registry, repository, tag });
    const pulled = digest ?? tag ?? 'latest';
    const source = sourceOf(named);
    requests.set(`${name} ${pulled}`, { source, reference: pulled, name, index: indexOf(named, options) });
  }
  return { requests: [...requests.values()], patterns, failures };
}

/** Keeps the index of an image that is named by its digest, and leaves out the platforms that were not chosen. */
function indexOf({ digest }: Reference, { index, platforms, format }: SaveOptions): CopyRequest['index'] {
  const isPinned = digest !== undefined && platforms !== undefined && format !== 'docker-archive';
  return isPinned && index === undefined ? 'sparse' : undefined;
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

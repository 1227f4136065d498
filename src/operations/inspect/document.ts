import { choosePlatform, choosePlatformOrFirst } from '../../content/choose-platform.js';
import type { Descriptor } from '../../content/descriptor.js';
import { DEFAULT_PLATFORM, parsePlatform } from '../../content/platform.js';
import { LadingError } from '../../errors.js';
import { parseManifest } from '../../manifest/manifest.js';
import type { ConnectionOptions } from '../../registry/connect.js';
import type { ArchiveLimits } from '../../store/limits.js';
import { readContent } from '../../store/read-content.js';
import type { Source } from '../../store/store.js';
import { locationOf, openKnownSource, type SourceLike } from '../../transfer/sources.js';
import { inspectManifest } from './manifest.js';
import { leftOutOf } from './missing.js';
import { rootsOf } from './roots.js';

export interface ReadDocumentOptions extends ConnectionOptions, ArchiveLimits {
  /** `manifest` (default): what the name stands for, or of `platform`; `config`: that of one image. */
  document?: 'manifest' | 'config' | undefined;
  /** The image of an archive or layout; default: its only image. */
  reference?: string | undefined;
  /**
   * `OS/ARCH[/VARIANT][:VERSION]` of the image; default: an index itself as the manifest, and as the config that of
   * linux/amd64, else of the first image.
   */
  platform?: string | undefined;
}

/** A document of an image, with the bytes that its digest is of. */
export interface ImageDocument {
  name: string;
  descriptor: Descriptor;
  bytes: Buffer;
}

/**
 * Reads a manifest or a config, unchanged. Rejects with `NOT_FOUND`, with `USAGE` if the source has several images and
 * none is named, and with `UNSUPPORTED` for a config of a schema1 image, which has none.
 */
export async function readDocument(
  target: SourceLike,
  options: ReadDocumentOptions = {},
): Promise<ImageDocument> {
  const source = await openKnownSource(target, options);
  try {
    const { name, root } = await onlyImage(rootsOf(source, options), locationOf(target));
    const descriptor = await documentOf(source.store, { name, root }, options);
    const { mediaType, digest, size } = descriptor;
    const bytes = await readContent(source.store, descriptor, options);
    return { name, descriptor: { mediaType, digest, size }, bytes };
  } finally {
    await source.close();
  }
}

interface NamedRoot {
  name: string;
  root: Descriptor;
}

async function onlyImage(roots: AsyncIterable<NamedRoot>, location: string): Promise<NamedRoot> {
  const found: NamedRoot[] = [];
  for await (const each of roots) found.push(each);
  const [only, ...others] = found;
  const advice = { remedy: 'list' as const, remedyFor: location };
  if (only === undefined) throw new LadingError('NOT_FOUND', `${location} holds no image`, advice);
  if (others.length === 0) return only;
  throw new LadingError(
    'USAGE',
    `${location} holds ${found.length} images; name the one that is meant`,
    advice,
  );
}

async function documentOf(
  store: Source,
  { name, root }: NamedRoot,
  { document = 'manifest', platform, signal }: ReadDocumentOptions,
): Promise<Descriptor> {
  if (document === 'manifest' && platform === undefined) return root;
  const manifest = await manifestFor(store, { name, root }, platform, signal);
  if (document === 'manifest') return manifest;
  const parsed = parseManifest(await readContent(store, manifest, { signal }), manifest);
  if ('config' in parsed) return parsed.config;
  throw new LadingError('UNSUPPORTED', `${name} has no config: its manifest is ${manifest.mediaType}`);
}

async function manifestFor(
  store: Source,
  { name, root }: NamedRoot,
  platform: string | undefined,
  signal: AbortSignal | undefined,
): Promise<Descriptor> {
  const { platforms, manifests } = await inspectManifest(store, root, await leftOutOf(store, root), signal);
  const candidates = platforms.map((offered) => ({ digest: offered.digest, platform: offered }));
  const chosen =
    platform === undefined
      ? choosePlatformOrFirst(DEFAULT_PLATFORM, candidates)
      : choosePlatform(parsePlatform(platform), candidates);
  const manifest = manifests.find(({ digest }) => digest === chosen?.digest);
  if (manifest === undefined)
    throw new LadingError(
      'NOT_FOUND',
      `${name} holds no image${platform === undefined ? '' : ` for ${platform}`}`,
    );
  return manifest;
}

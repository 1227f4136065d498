import { type Compression, detectCompression, MAGIC_LENGTH } from '../../compression/compression.js';
import type { Descriptor } from '../../content/descriptor.js';
import { type Digest, digestOf, isDigest } from '../../content/digest.js';
import { isNonDistributable, MEDIA_TYPE } from '../../content/media-types.js';
import { cleanPath, type FileView } from '../../disk/files.js';
import type { Region } from '../../disk/region.js';
import { ContentError, LadingError } from '../../errors.js';
import { type HashingOptions, hashRegions } from '../../hashing/hashing.js';
import type { NamedFiles } from './named-files.js';

/** A layer as an archive names it. */
export interface NamedLayer {
  path: string;
  /** The diffID in the config. */
  diffID: Digest;
  /** The descriptor that it had at its source. */
  source?: Descriptor | undefined;
}

/** The file of a layer in an archive. */
export interface LayerFile {
  path: string;
  region: Region;
  compression: 'none' | 'gzip' | 'zstd';
  /** True for a file of zeros that is too short to be a tar: old Docker wrote such files for layers without changes. */
  isStub: boolean;
}

/** An empty tar. */
export const EMPTY_TAR = Buffer.alloc(1024);

/** The layers of an archive's images; each is examined once, however many images have it. */
export class LayerFiles {
  readonly #view: FileView;
  readonly #files: NamedFiles;
  readonly #found = new Map<string, LayerFile>();
  readonly #toHash: LayerFile[] = [];
  #digests: ReadonlyMap<string, Digest> = new Map();

  constructor(view: FileView, files: NamedFiles) {
    this.#view = view;
    this.#files = files;
  }

  /** Examines the layers of an image; rejects with `MISSING_CONTENT`, and if a layer cannot be read. */
  async find(layers: readonly NamedLayer[]): Promise<void> {
    const found = new Map<NamedLayer, LayerFile>();
    for (const layer of layers) {
      if (isElsewhere(layer) && (await this.#view.size(layer.path)) === undefined) continue;
      found.set(layer, this.#found.get(layer.path) ?? (await findLayer(this.#view, layer.path)));
    }
    // Only now, so that an image that cannot be read costs no hashing.
    for (const [layer, file] of found) {
      this.#found.set(layer.path, file);
      if (file.compression !== 'none' && claimedDigest(layer) === undefined) this.#toHash.push(file);
    }
  }

  /** Hashes the layers whose names do not state a digest. */
  async hash(options: HashingOptions): Promise<void> {
    this.#digests = await hashFiles(this.#view, this.#toHash, { ...options, of: 'file' });
  }

  /**
   * Returns the descriptor of a layer as it is stored. The digest of an uncompressed layer is its diffID, which is
   * verified when it is stored; that of a compressed layer is in its name, or is computed from the file.
   */
  describe(layer: NamedLayer): Descriptor {
    const file = this.#found.get(layer.path);
    if (file === undefined) return foreignLayer(layer);
    const { region, compression, path } = file;
    if (file.isStub && layer.diffID === digestOf(EMPTY_TAR)) return emptyLayer(this.#files);
    const digest =
      compression === 'none' ? layer.diffID : (claimedDigest(layer) ?? this.#digests.get(keyOf(region)));
    if (digest === undefined) throw new Error(`${path} was not hashed`);
    this.#files.addFile(digest, path);
    return { mediaType: LAYER_TYPE[compression], digest, size: region.size };
  }
}

export const LAYER_TYPE = {
  none: MEDIA_TYPE.dockerLayerTar,
  gzip: MEDIA_TYPE.dockerLayerGzip,
  zstd: MEDIA_TYPE.dockerLayerZstd,
} as const;

/** Replaces a stub by a complete empty tar, because not all registries and tools accept a blob of 0 bytes. */
export function emptyLayer(files: NamedFiles): Descriptor {
  return { mediaType: LAYER_TYPE.none, digest: files.addDocument(EMPTY_TAR), size: EMPTY_TAR.byteLength };
}

/** Examines the first bytes of a layer; rejects with `MISSING_CONTENT`, and if they cannot be those of a layer. */
export async function findLayer(view: FileView, path: string): Promise<LayerFile> {
  const region = await requireFile(view, path, 'a layer');
  const clean = cleanPath(path) ?? path;
  const isShort = region.size < EMPTY_TAR.byteLength;
  const start = await readStart(view, path, isShort ? region.size : MAGIC_LENGTH);
  const compression = readable(detectCompression(start), `${clean} in ${view.location}`);
  return {
    path: clean,
    region,
    compression,
    isStub: isShort && start.every((byte) => byte === 0),
  };
}

/** Returns where a file is that a document of the archive names; rejects with `MISSING_CONTENT`. */
export async function requireFile(view: FileView, path: string, what: string): Promise<Region> {
  if (cleanPath(path) === undefined) {
    throw new ContentError(
      'INVALID_ARCHIVE',
      `${view.location} names ${path} as ${what}, which leads out of it`,
    );
  }
  const region = await view.region(path);
  if (region !== undefined) return region;
  throw new ContentError(
    'MISSING_CONTENT',
    `${view.location} names ${path === '' ? '""' : path} as ${what}, but does not hold it`,
    {
      hint: 'The archive is incomplete: make it again where it came from.',
    },
  );
}

/** Returns the digest of each file, or of the layer in it (its diffID), by the position of its bytes. */
export async function hashFiles(
  view: FileView,
  files: Iterable<LayerFile>,
  { of, ...options }: HashingOptions & { of: 'file' | 'layer' },
): Promise<Map<string, Digest>> {
  const places = new Map([...files].map((file) => [keyOf(file.region), file]));
  const requests = [...places].map(([key, { path, region }]) => ({
    key,
    region,
    algorithm: 'sha256',
    decompress: of === 'layer' ? `${path} in ${view.location}` : undefined,
  }));
  const digests = new Map<string, Digest>();
  await hashRegions(requests, ({ key }, { hex }) => digests.set(key, `sha256:${hex}`), options);
  return digests;
}

/** Returns the diffID of each layer, by hashing its decompressed content. */
export async function diffIDsOf(
  view: FileView,
  paths: readonly string[],
  options: HashingOptions,
): Promise<Digest[]> {
  const files: LayerFile[] = [];
  for (const path of paths) files.push(await findLayer(view, path));
  const digests = await hashFiles(view, files, { ...options, of: 'layer' });
  return files.map(({ isStub, region, path }) => {
    const digest = isStub ? digestOf(EMPTY_TAR) : digests.get(keyOf(region));
    if (digest === undefined) throw new Error(`${path} was not hashed`);
    return digest;
  });
}

/** Returns a key for the position of a file's bytes, which is the same for all links to a file. */
export function keyOf({ path, offset }: Region): string {
  return `${offset} ${path}`;
}

async function readStart(view: FileView, path: string, length: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of (await view.open(path, { length })) as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function readable(compression: Compression, name: string): LayerFile['compression'] {
  if (compression !== 'bzip2' && compression !== 'xz') return compression;
  throw new LadingError(
    'UNSUPPORTED',
    `${name} is compressed with ${compression}, which lading does not read`,
    {
      hint: 'Load the archive with docker load and save it again: its layers are then plain.',
    },
  );
}

/**
 * Returns the digest that the name of a compressed layer states, as crane, jib, buildkit and containerd name it. A name
 * that equals the diffID comes from other tools, and says nothing about the compressed bytes.
 */
function claimedDigest({ path, diffID }: NamedLayer): Digest | undefined {
  const [, encoded] = /(?:^|\/)([0-9a-f]{64})(?:\.tar(?:\.gz|\.gzip|\.zst|\.zstd)?)?$/.exec(path) ?? [];
  const digest = `sha256:${encoded}`;
  return isDigest(digest) && digest !== diffID ? digest : undefined;
}

function isElsewhere({ source }: NamedLayer): boolean {
  return source?.urls !== undefined && source.urls.length > 0 && isNonDistributable(source.mediaType);
}

/**
 * Returns the descriptor of a layer that its vendor provides; the archive only keeps the address. (moby,
 * image/tarexport, `LayerSources`)
 */
function foreignLayer({ path, source }: NamedLayer): Descriptor {
  if (source === undefined) throw new Error(`${path} was not looked for`);
  return source;
}

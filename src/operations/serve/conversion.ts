import type { Descriptor } from '../../content/descriptor.js';
import type { Digest } from '../../content/digest.js';
import { isIndex, isSchema1, MEDIA_TYPE } from '../../content/media-types.js';
import { DEFAULT_PLATFORM, formatPlatform, type Platform } from '../../content/platform.js';
import { RecentlyUsed } from '../../content/recently-used.js';
import { ContentError, isLadingError, LadingError } from '../../errors.js';
import type { ManifestTree, PlannedContent } from '../../graph/tree.js';
import { bytesOf } from '../../graph/tree.js';
import type { Document } from '../../manifest/convert/conversion.js';
import { createSigningKey, signSchema1 } from '../../manifest/convert/sign-schema1.js';
import { Refusal } from '../../server/errors.js';
import { FairQueue, type Turn } from '../../server/fair-queue.js';
import type { ConversionRequest, Conversions, TaggedManifest } from '../../server/read/conversions.js';
import { SharedWork } from '../../server/shared-work.js';
import { type LayerLimits, limitsOf } from '../../store/limits.js';
import type { Source } from '../../store/store.js';
import { has } from '../../store/store.js';
import { convertImage } from '../../transfer/convert/convert.js';
import type { ConversionFormat } from '../../transfer/convert/image-conversion.js';
import { missingChildren, readServedImage } from './served-image.js';
import { ServedLayers } from './served-layers.js';

export interface ServeConversionOptions extends LayerLimits {
  /** The platform of an index that is served to clients that do not accept an index; default linux/amd64. */
  platform?: Platform | undefined;
  /** Bytes of converted documents to keep; others are made again on request. Default 64 MiB. */
  keptBytes?: number | undefined;
  /** Maximum number of conversions that wait for their turn; default 256. */
  maxWaiting?: number | undefined;
  /** Called with a message for what cannot be converted, and is served as it is stored. */
  onWarning?: ((message: string) => void) | undefined;
}

/** Conversions for a server; each is made once, however many clients request it. */
export interface ServeConversions extends Conversions {
  /** Aborts running conversions, and waits until nothing is being read. */
  close(): Promise<void>;
}

export function createConversions(options: ServeConversionOptions = {}): ServeConversions {
  return new KeptConversions(options);
}

/** How a document is made. Its result may be dropped, because the recipe makes the same again. */
interface Recipe {
  tagged: TaggedManifest;
  mediaTypes: readonly [string, ...string[]];
}

interface Made {
  /** What the tag is served as; undefined if the image has no such form. */
  manifest: Document | undefined;
  /** Documents that are not in a store: that manifest, its children, their configs, the empty layer. */
  documents: Document[];
  /** The digest of the original of each manifest that was made, by its new digest. */
  madeOf: ReadonlyMap<Digest, Digest>;
  /** Children of the index that were missing; once they arrive, the conversion has another result. */
  missing: readonly Descriptor[];
  /** The platforms of the index, if it is ambiguous which of its images to serve. */
  offered: readonly Platform[] | undefined;
}

const DEFAULT_KEPT_BYTES = 64 * 1024 * 1024;
/** Far more than the layers of images that must be read, which are from the time of schema1. */
const DEFAULT_MAX_LAYER_BYTES = 4 * 1024 ** 3;
/** Applies beyond 16 MiB. Layers reach a ratio of 3 to 10; higher ones are files without content, or bombs. */
const DEFAULT_SERVED_RATIO = 200;
/**
 * Ten times what an index of twenty platforms with attestations needs. Parsed documents take ten times their size in
 * memory.
 */
const IMAGE_LIMITS = { maxManifests: 1000, maxDocumentBytes: 16 * 1024 * 1024 };
/** Images to convert at the same time; a single client gets at most half of them. */
const MAX_CONVERSIONS = 4;
const DEFAULT_MAX_WAITING = 256;
/** Maximum number of missing children that each request looks for. */
const MOST_LOOKED_FOR = 256;
/** Limit for small entries of some 300 bytes, so that a server can run for years while tags come and go. */
const MAX_REMEMBERED = 100_000;
/** Memory that a document takes in addition to its bytes. */
const OVERHEAD_BYTES = 1024;
/** Memory of a digest or platform that is stored with a document. */
const NOTED_BYTES = 256;

class KeptConversions implements ServeConversions {
  readonly #options: ServeConversionOptions;
  /** Made anew at every start: its signatures only prove integrity, and no digest depends on it. */
  readonly #key = createSigningKey();
  readonly #turns: FairQueue;
  readonly #layers = new ServedLayers();
  readonly #recipes = new RecentlyUsed<string, Recipe>(MAX_REMEMBERED);
  readonly #warned = new RecentlyUsed<string, true>(MAX_REMEMBERED);
  readonly #made: RecentlyUsed<string, Made>;
  readonly #making = new SharedWork<string, Made>();
  readonly #closing = new AbortController();

  constructor(options: ServeConversionOptions) {
    this.#options = {
      ...options,
      maxLayerBytes: options.maxLayerBytes ?? DEFAULT_MAX_LAYER_BYTES,
      maxRatio: options.maxRatio ?? DEFAULT_SERVED_RATIO,
    };
    const refuse = () =>
      new Refusal('TOOMANYREQUESTS', 'too many images wait to be converted', {
        headers: { 'Retry-After': '5' },
      });
    this.#turns = new FairQueue({
      concurrency: MAX_CONVERSIONS,
      concurrencyOfClient: MAX_CONVERSIONS / 2,
      most: options.maxWaiting ?? DEFAULT_MAX_WAITING,
      refuse,
    });
    this.#made = new RecentlyUsed(options.keptBytes ?? DEFAULT_KEPT_BYTES, weightOf);
  }

  async convert(
    store: Source,
    tagged: TaggedManifest,
    mediaTypes: Recipe['mediaTypes'],
    request: ConversionRequest = {},
  ): Promise<Document | undefined> {
    const { manifest, offered } = await this.#make(store, { tagged, mediaTypes }, request);
    if (offered !== undefined) throw this.#unclear(tagged, offered);
    return manifest;
  }

  async find(
    store: Source,
    { repository, digest }: { repository: string; digest: Digest },
    request: ConversionRequest = {},
  ): Promise<Document | undefined> {
    const place = placeOf(repository, digest);
    const recipe = this.#recipes.get(place);
    if (recipe === undefined) return undefined;
    if (!(await isHeld(store, recipe.tagged.descriptor.digest))) {
      this.#recipes.delete(place);
      this.#made.delete(keyOf(recipe));
      return undefined;
    }
    const { documents, madeOf } = await this.#make(store, recipe, request);
    const original = madeOf.get(digest);
    if (original !== undefined && !(await isHeld(store, original))) return undefined;
    return documents.find(({ descriptor }) => descriptor.digest === digest);
  }

  async close(): Promise<void> {
    const reason = new LadingError('ABORTED', 'the server is closing');
    this.#closing.abort(reason);
    await this.#making.close(reason);
    await this.#layers.close(reason);
  }

  /**
   * Makes or looks up a conversion. It is aborted when the last waiting client has left; what was learned about layers
   * by then is kept.
   */
  async #make(store: Source, recipe: Recipe, { signal, client }: ConversionRequest): Promise<Made> {
    this.#closing.signal.throwIfAborted();
    const key = keyOf(recipe);
    const kept = this.#made.get(key);
    const isCurrent = kept !== undefined && !(await anyExists(store, kept.missing));
    const turn = { client: client ?? '', lane: key };
    const convert = (stop: AbortSignal) =>
      this.#turns.run(turn, () => this.#convert(store, recipe, { key, turn, signal: stop }), stop);
    const made = isCurrent ? kept : await this.#making.join(key, convert, signal);
    // Set these each time: the same documents may have been made from another image too, which may be deleted.
    for (const { descriptor } of made.documents)
      this.#recipes.set(placeOf(recipe.tagged.repository, descriptor.digest), recipe);
    return made;
  }

  async #convert(
    store: Source,
    recipe: Recipe,
    { key, turn, signal }: { key: string; turn: Turn; signal: AbortSignal },
  ): Promise<Made> {
    const { repository, tag } = recipe.tagged;
    let made: Made;
    try {
      made = await this.#convertImage(store, recipe, { turn, signal });
    } catch (error) {
      if (!isOfContent(error)) throw error;
      made = NOTHING;
      if (this.#warned.get(key) === undefined)
        this.#options.onWarning?.(
          `${repository}:${tag} is not served as ${recipe.mediaTypes[0]}: ${error.message}`,
        );
      this.#warned.set(key, true);
      // In a registry that accepts pushes, missing content may still arrive.
      if (isLadingError(error, ...MISSING)) return made;
    }
    this.#made.set(key, made);
    return made;
  }

  async #convertImage(
    store: Source,
    { tagged, mediaTypes }: Recipe,
    { turn, signal }: { turn: Turn; signal: AbortSignal },
  ): Promise<Made> {
    const [mediaType] = mediaTypes;
    const absent = await missingChildren(store, tagged.descriptor, { limits: IMAGE_LIMITS, signal });
    const missing = absent.slice(0, MOST_LOOKED_FOR);
    const served = await readServedImage(store, tagged, {
      platform: isIndex(mediaType) ? undefined : this.#platform,
      missing: absent,
      limits: IMAGE_LIMITS,
      signal,
    });
    if (served.type === 'none') return { ...NOTHING, missing };
    if (served.type === 'unclear') return { ...NOTHING, missing, offered: served.offered };
    const { image } = served;
    const stored = documentOf(image.tree);
    if (mediaTypes.includes(stored.descriptor.mediaType)) return { ...NOTHING, manifest: stored, missing };
    if (mediaType === MEDIA_TYPE.dockerSchema1Signed && isSchema1(stored.descriptor.mediaType)) {
      const manifest = this.#sign(stored);
      return { ...NOTHING, manifest, documents: [manifest] };
    }
    const converted = await convertImage(image, {
      to: formatOf(mediaType),
      key: this.#key,
      force: true, // nothing is lost: the original and its attachments remain
      layerFacts: (layers, options) => this.#layers.factsOf(layers, turn, options),
      limits: limitsOf(this.#options),
      signal,
    });
    const tree = converted.images[0]?.tree;
    if (tree === undefined || !mediaTypes.includes(tree.content.descriptor.mediaType))
      return { ...NOTHING, missing };
    const held = new Set(contentsOf(image.tree).map(({ descriptor }) => descriptor.digest));
    const documents = contentsOf(tree).flatMap(({ descriptor, bytes }) =>
      bytes === undefined || held.has(descriptor.digest) ? [] : [{ descriptor, bytes }],
    );
    const madeOf = new Map([...converted.digests].map(([from, to]) => [to, from]));
    return { ...NOTHING, manifest: documentOf(tree), documents, madeOf, missing };
  }

  get #platform(): Platform {
    return this.#options.platform ?? DEFAULT_PLATFORM;
  }

  #unclear({ tag }: TaggedManifest, offered: readonly Platform[]): Refusal {
    const [wanted, others] = [formatPlatform(this.#platform), offered.map(formatPlatform).join(', ')];
    return new Refusal(
      'MANIFEST_UNKNOWN',
      `${tag} is not available for ${wanted}, which is served to clients that do not accept an index; it is available for ${others}`,
      { detail: { reference: tag }, headers: { Vary: 'Accept' } },
    );
  }

  /**
   * Adds a signature, because Docker reads schema1 only with one. The digest is that of the payload, and does not
   * change.
   */
  #sign({ descriptor, bytes }: Document): Document {
    const signed = signSchema1(bytes, this.#key);
    const { digest } = descriptor;
    return {
      descriptor: { mediaType: MEDIA_TYPE.dockerSchema1Signed, digest, size: signed.byteLength },
      bytes: signed,
    };
  }
}

const MISSING = ['NOT_FOUND', 'MISSING_CONTENT'] as const;

/**
 * True if the error is about what the image is, or lacks, so that it has no other form; the image itself can still be
 * served.
 */
function isOfContent(error: unknown): error is LadingError {
  return error instanceof ContentError || isLadingError(error, 'UNSUPPORTED', ...MISSING);
}

const NOTHING: Made = {
  manifest: undefined,
  documents: [],
  madeOf: new Map(),
  missing: [],
  offered: undefined,
};

/** True if clients can find it: a store may have content that is deleted in this repository. */
async function isHeld(store: Source, digest: Digest): Promise<boolean> {
  try {
    return await has(store, await store.resolve(digest));
  } catch (error) {
    if (isLadingError(error, 'NOT_FOUND')) return false;
    throw error;
  }
}

async function anyExists(store: Source, contents: readonly Descriptor[]): Promise<boolean> {
  for (const content of contents) if (await has(store, content)) return true;
  return false;
}

const FORMATS = new Map<string, ConversionFormat>([
  [MEDIA_TYPE.ociIndex, 'oci'],
  [MEDIA_TYPE.ociManifest, 'oci'],
  [MEDIA_TYPE.dockerManifestList, 'docker'],
  [MEDIA_TYPE.dockerManifest, 'docker'],
  [MEDIA_TYPE.dockerSchema1Signed, 'schema1'],
]);

function formatOf(mediaType: string): ConversionFormat {
  const format = FORMATS.get(mediaType);
  if (format === undefined) throw new Error(`nothing is made to be ${mediaType}`);
  return format;
}

function documentOf(tree: ManifestTree): Document {
  return { descriptor: tree.content.descriptor, bytes: bytesOf(tree) };
}

function contentsOf(tree: ManifestTree): PlannedContent[] {
  return [tree.content, ...tree.blobs, ...tree.children.flatMap(contentsOf)];
}

/**
 * Returns the memory of a result in bytes. A stored manifest counts too, since it is kept once it is served in place of
 * its index.
 */
function weightOf({ manifest, documents, madeOf, missing, offered = [] }: Made): number {
  const held = new Set(
    [...(manifest === undefined ? [] : [manifest]), ...documents].map(({ bytes }) => bytes),
  );
  const noted = (madeOf.size + missing.length + offered.length) * NOTED_BYTES;
  return [...held].reduce((sum, { byteLength }) => sum + byteLength + OVERHEAD_BYTES, OVERHEAD_BYTES + noted);
}

/**
 * The tag is part of the key only for schema1, which contains it; everything else is the same under every tag of a
 * repository.
 */
function keyOf({ tagged: { repository, tag, descriptor }, mediaTypes }: Recipe): string {
  const named = mediaTypes[0] === MEDIA_TYPE.dockerSchema1Signed ? tag : '';
  return [repository, named, descriptor.digest, ...mediaTypes].join(' ');
}

function placeOf(repository: string, digest: Digest): string {
  return `${repository} ${digest}`;
}

import type { Descriptor } from '../content/descriptor.js';
import { type Digest, isDigest } from '../content/digest.js';
import { isManifest } from '../content/media-types.js';
import { ownText } from '../content/own-text.js';
import { ContentError, isLadingError } from '../errors.js';
import { type Step, walkGraph } from '../graph/walk.js';
import { type Manifest, parseManifest, successors } from '../manifest/manifest.js';
import { attachedTo } from './attached.js';
import { readContent } from './read-content.js';
import type { Source } from './store.js';

/** What a manifest refers to. */
export interface Links {
  manifests: readonly Descriptor[];
  blobs: readonly Digest[];
  /** The manifest that it is attached to. */
  subject: Digest | undefined;
}

const NO_LINKS: Links = { manifests: [], blobs: [], subject: undefined };

/** Returns what a manifest with this content refers to. */
export function linksOf(descriptor: Descriptor, manifest: Manifest): Links {
  const { manifests, blobs, unsized } = successors(manifest);
  const subject = attachedTo(descriptor, manifest)?.subject;
  return {
    manifests: manifests.map(({ mediaType, digest, size }) => ({
      mediaType: ownText(mediaType),
      digest: ownText(digest),
      size,
    })),
    blobs: [...blobs.map(({ digest }) => digest), ...unsized].map(ownText),
    subject: subject && ownText(subject),
  };
}

/**
 * Returns what a document refers to. In an invalid one, every digest counts, because a client may understand more of it
 * than lading does.
 */
function linksIn(
  descriptor: Descriptor,
  bytes: Buffer,
  onManifest: ((descriptor: Descriptor, manifest: Manifest) => void) | undefined,
): Links {
  try {
    const manifest = parseManifest(bytes, descriptor);
    onManifest?.(descriptor, manifest);
    return linksOf(descriptor, manifest);
  } catch (error) {
    if (!(error instanceof ContentError)) throw error;
    const named = bytes.toString('latin1').match(DIGEST_TEXT) ?? [];
    return { ...NO_LINKS, blobs: [...new Set(named)].filter((digest) => isDigest(digest)).map(ownText) };
  }
}

const DIGEST_TEXT = /\bsha(?:256|384|512):[0-9a-f]+\b/g;

/**
 * The store that has the manifests; its `noteAttached` gets each manifest that is read, so that it need not be read
 * again.
 */
export type GraphStore = Pick<Source, 'sizeOf' | 'fetch'> & {
  noteAttached?(descriptor: Descriptor, manifest: Manifest): void;
};

/**
 * The graph of which content needs which. Each manifest is read once, because the content of a digest never changes,
 * and forgotten when nothing leads to it any more.
 */
export class ManifestGraph {
  readonly #store: GraphStore;
  readonly #links = new Map<Digest, Links>();

  constructor(store: GraphStore) {
    this.#store = store;
  }

  /** Number of manifests in the cache. */
  get size(): number {
    return this.#links.size;
  }

  /**
   * Returns what a manifest refers to; nothing if it is missing or damaged, because it cannot be pulled then anyway.
   */
  async linksOf(descriptor: Descriptor): Promise<Links> {
    const known = this.#links.get(descriptor.digest);
    if (known !== undefined) return known;
    if (!isManifest(descriptor.mediaType)) return NO_LINKS;
    let bytes: Buffer;
    try {
      bytes = await readContent(this.#store, descriptor);
    } catch (error) {
      if (error instanceof ContentError || isLadingError(error, 'NOT_FOUND')) return NO_LINKS;
      throw error;
    }
    const links = linksIn(descriptor, bytes, this.#store.noteAttached?.bind(this.#store));
    this.#links.set(ownText(descriptor.digest), links);
    return links;
  }

  /** Returns these manifests, which must be all that have an entry, and all manifests below them, by digest. */
  async manifestsUnder(roots: readonly Descriptor[]): Promise<Map<Digest, Descriptor>> {
    const found = await this.manifestsUnderSome(roots);
    if (this.#links.size > found.size) this.#forgetOthers(found);
    return found;
  }

  /** Like `manifestsUnder`, for only some of the entries. */
  async manifestsUnderSome(roots: readonly Descriptor[]): Promise<Map<Digest, Descriptor>> {
    const found = new Map<Digest, Descriptor>();
    const enter = async ({ descriptor }: Step): Promise<{ manifests: readonly Descriptor[] } | undefined> => {
      if (found.has(descriptor.digest)) return undefined;
      found.set(descriptor.digest, descriptor);
      const { manifests } = await this.linksOf(descriptor);
      return { manifests };
    };
    for (const root of roots) await walkGraph(root, { enter }, { inTurn: true });
    return found;
  }

  /** True if any of these manifests, or one below them, is or needs this content. */
  async needs(roots: readonly Descriptor[], digest: Digest): Promise<boolean> {
    for (const manifest of (await this.manifestsUnder(roots)).values()) {
      if (manifest.digest === digest) return true;
      if ((await this.linksOf(manifest)).blobs.includes(digest)) return true;
    }
    return false;
  }

  #forgetOthers(found: ReadonlyMap<Digest, Descriptor>): void {
    for (const digest of this.#links.keys()) if (!found.has(digest)) this.#links.delete(digest);
  }
}

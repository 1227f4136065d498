import { absentOf } from '../../content/annotations.js';
import { type Descriptor, plainDescriptor } from '../../content/descriptor.js';
import type { Digest } from '../../content/digest.js';
import { isManifest, isNonDistributable } from '../../content/media-types.js';
import type { FileView } from '../../disk/files.js';
import { ContentError } from '../../errors.js';
import { type Beneath, walkGraph } from '../../graph/walk.js';
import {
  MAX_MANIFEST_BYTES,
  type Manifest,
  parseManifest,
  type Successors,
  successors,
  verifyManifest,
} from '../../manifest/manifest.js';
import type { ImageFiles } from '../image-files.js';
import { has } from '../store.js';
import type { ArchiveImage } from './archive-image.js';
import { LAYER_TYPE } from './layer-files.js';

/** The parts of an image. */
export interface Parts {
  config: Digest;
  layers: readonly Pick<Descriptor, 'digest' | 'size'>[];
}

/**
 * Returns a key that is equal for equal images. It includes sizes, because release candidates of Docker 25.0 wrote
 * wrong ones.
 */
export function keyOf({ config, layers }: Parts): string {
  return [config, ...layers.map(({ digest, size }) => `${digest} ${size}`)].join();
}

/** Returns a key of the blobs of an image, with layers in order. */
export function blobsOf({ config, layers }: Parts): string {
  return [config, ...layers.map(({ digest }) => digest)].join();
}

/** Ordered by priority: if the parts of an entry have several verdicts, the last one of them in this list applies. */
const VERDICTS = ['good', 'sparse', 'damaged', 'misordered'] as const;
export type Verdict = (typeof VERDICTS)[number];

/** What is known about a manifest before the walk continues below it. */
interface Entered extends Beneath<Verdict> {
  verdicts: Verdict[];
  /** Undefined if the verdict is known without reading the manifest. */
  manifest?: Manifest;
  named?: Successors;
}

/** Examines everything that a layout's index leads to, each manifest once. */
export class LayoutWalk {
  readonly #layout: ImageFiles;
  readonly #view: FileView;
  readonly #entries: Set<Descriptor>;
  readonly #keys: Set<string>;
  readonly #blobSets: Set<string>;
  readonly #verdicts = new Map<string, Verdict>();
  readonly #children = new Map<Digest, readonly Descriptor[]>();
  readonly #blobs = new Map<Digest, readonly Digest[]>();
  readonly #dockerBlobs: readonly Digest[];
  readonly #images = new Map<Digest, Parts>();
  readonly #manifests = new Map<string, Descriptor>();
  readonly #unread = new Set<Digest>();

  /** `images` are those of the archive's other half. */
  constructor(layout: ImageFiles, view: FileView, images: readonly ArchiveImage[]) {
    this.#layout = layout;
    this.#view = view;
    this.#entries = new Set(layout.indexEntries);
    this.#keys = new Set(images.map(keyOf));
    this.#blobSets = new Set(images.filter(isPlain).map(blobSetOf));
    this.#dockerBlobs = images.flatMap(({ config, layers }) => [
      config,
      ...layers.map(({ digest }) => digest),
    ]);
  }

  /**
   * Judges an entry. `misordered` is an image with the layers of an image of the other half, but in another order or
   * with other sizes. Uncompressed layers have the order of the config there.
   */
  async judge(entry: Descriptor): Promise<Verdict> {
    const absent = absentOf(entry);
    const verdict = await walkGraph<Entered, Verdict>(
      entry,
      {
        enter: ({ descriptor }) => this.#enter(descriptor, absent),
        leave: async ({ descriptor }, entered, children) => {
          entered.verdicts.push(...children.values());
          const verdict = await this.#leave(descriptor, entered);
          this.#verdicts.set(claimOf(descriptor, absent), verdict);
          return verdict;
        },
      },
      { inTurn: true },
    );
    return verdict ?? 'damaged';
  }

  /** Returns the layout's manifest for an image of the other half. */
  manifestOf(image: Parts): Descriptor | undefined {
    return this.#manifests.get(keyOf(image));
  }

  /** Returns the images that these entries lead to, by their keys; all entries must have been judged. */
  imagesUnder(entries: readonly Descriptor[]): Map<string, Parts> {
    const images = new Map<string, Parts>();
    for (const digest of this.#manifestsUnder(entries)) {
      const image = this.#images.get(digest);
      if (image !== undefined) images.set(keyOf(image), image);
    }
    return images;
  }

  /** True if these entries lead to a manifest with this digest; all entries must have been judged. */
  leadsTo(entries: readonly Descriptor[], digest: Digest): boolean {
    return this.#manifestsUnder(entries).has(digest);
  }

  /**
   * True if these entries lead to a missing or damaged manifest, so that it is unknown what that names; all entries
   * must have been judged.
   */
  hasUnread(entries: readonly Descriptor[]): boolean {
    for (const digest of this.#manifestsUnder(entries)) if (this.#unread.has(digest)) return true;
    return false;
  }

  /**
   * True if there is content that neither these entries nor the images of the other half lead to; all entries must have
   * been judged.
   */
  async hasOrphans(entries: readonly Descriptor[]): Promise<boolean> {
    const manifests = this.#manifestsUnder(entries);
    const reached = new Set<Digest>([...this.#dockerBlobs, ...manifests]);
    for (const manifest of manifests)
      for (const digest of this.#blobs.get(manifest) ?? []) reached.add(digest);
    for await (const { digest } of this.#layout.blobs()) if (!reached.has(digest)) return true;
    return false;
  }

  #manifestsUnder(entries: readonly Descriptor[]): Set<Digest> {
    const seen = new Set<Digest>();
    const queue = entries.map(({ digest }) => digest);
    for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
      if (seen.has(next)) continue;
      seen.add(next);
      for (const { digest } of this.#children.get(next) ?? []) queue.push(digest);
    }
    return seen;
  }

  async #enter(descriptor: Descriptor, absent: readonly Digest[]): Promise<Entered> {
    const { digest, mediaType } = descriptor;
    if (!isManifest(mediaType)) return judged(await this.#judgeBlob(descriptor));
    const known = this.#verdicts.get(claimOf(descriptor, absent));
    if (known !== undefined) return judged(known);
    const manifest = (await has(this.#layout, descriptor)) ? await this.#read(descriptor) : undefined;
    if (manifest === undefined) {
      this.#unread.add(digest);
      return judged('damaged');
    }
    if (this.#entries.has(descriptor)) this.#layout.noteAttached(descriptor, manifest);
    const named = successors(manifest);
    const isThere = new Set<Descriptor>();
    for (const child of named.manifests) if (await this.#has(child.digest)) isThere.add(child);
    // Engines run a child that is present, even if an annotation of lading says that it was left out.
    const children = named.manifests.filter((child) => isThere.has(child) || !absent.includes(child.digest));
    this.#children.set(digest, children);
    this.#blobs.set(digest, [...named.blobs.map((blob) => blob.digest), ...named.unsized]);
    const verdicts: Verdict[] = ['good'];
    if (children.length > isThere.size) verdicts.push('sparse');
    // Docker keeps at least one child of an index, so if there is none, it was lost.
    if (children.length > 0 && isThere.size === 0) verdicts.push('damaged');
    return { verdicts, manifest, named, manifests: [...isThere] };
  }

  async #leave(descriptor: Descriptor, { verdicts, manifest, named }: Entered): Promise<Verdict> {
    for (const blob of named?.blobs ?? []) verdicts.push(await this.#judgeBlob(blob));
    for (const digest of named?.unsized ?? []) if (!(await this.#has(digest))) verdicts.push('damaged');
    if (manifest !== undefined && 'layers' in manifest) {
      const image: Parts = { config: manifest.config.digest, layers: manifest.layers };
      const key = keyOf(image);
      this.#images.set(descriptor.digest, image);
      const isOther = this.#entries.has(descriptor) && !this.#keys.has(key);
      if (isOther && this.#blobSets.has(blobSetOf(image))) verdicts.push('misordered');
      if (verdicts.every((verdict) => verdict === 'good'))
        this.#manifests.set(key, plainDescriptor(descriptor));
    }
    return VERDICTS.findLast((verdict) => verdicts.includes(verdict)) ?? 'good';
  }

  async #judgeBlob(blob: Descriptor): Promise<Verdict> {
    const { mediaType, urls = [] } = blob;
    if (await has(this.#layout, blob)) return 'good';
    return isNonDistributable(mediaType) && urls.length > 0 ? 'good' : 'damaged';
  }

  async #read(descriptor: Descriptor): Promise<Manifest | undefined> {
    try {
      // Not as a stream: with thousands of manifests, streams cost more than their content.
      const bytes = await this.#view.read(this.#layout.pathOf(descriptor.digest), MAX_MANIFEST_BYTES);
      verifyManifest(descriptor, bytes);
      return parseManifest(bytes, descriptor);
    } catch (error) {
      if (error instanceof ContentError) return undefined;
      throw error;
    }
  }

  async #has(digest: Digest): Promise<boolean> {
    return (await this.#layout.sizeOf({ digest })) !== undefined;
  }
}

function judged(verdict: Verdict): Entered {
  return { verdicts: [verdict], manifests: [] };
}

/**
 * Returns the key of a verdict: the same content with another size or type, or in an index that leaves out other
 * children, is judged separately.
 */
function claimOf({ digest, size, mediaType }: Descriptor, absent: readonly Digest[]): string {
  return [digest, size, mediaType, ...absent].join();
}

/** Returns a key of the blobs of an image, regardless of their order. */
export function blobSetOf({ config, layers }: Parts): string {
  return [config, ...layers.map(({ digest }) => digest).sort()].join();
}

/** True if no layer is compressed, so that each layer is at the position of its diffID in the config. */
export function isPlain({ layers }: ArchiveImage): boolean {
  return layers.every(({ mediaType }) => mediaType === LAYER_TYPE.none);
}

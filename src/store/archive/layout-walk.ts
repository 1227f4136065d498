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

/** What an image is made of. */
export interface Parts {
  config: Digest;
  layers: readonly Pick<Descriptor, 'digest' | 'size'>[];
}

/** What makes two images the same. Sizes count: Docker 25.0's candidates wrote wrong ones. */
export function keyOf({ config, layers }: Parts): string {
  return [config, ...layers.map(({ digest, size }) => `${digest} ${size}`)].join();
}

/** The blobs of an image, layers in their order. */
export function blobsOf({ config, layers }: Parts): string {
  return [config, ...layers.map(({ digest }) => digest)].join();
}

/** From the best to the one that decides for an index with children of several. */
const VERDICTS = ['good', 'sparse', 'damaged', 'misordered'] as const;
export type Verdict = (typeof VERDICTS)[number];

/** What was found out of a manifest before the walk goes on beneath it. */
interface Entered extends Beneath<Verdict> {
  verdicts: Verdict[];
  /** Undefined where the verdict is known without reading it. */
  manifest?: Manifest;
  named?: Successors;
}

/** Looks at everything that a layout's index leads to, at each manifest once. */
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
   * What there is of an entry. `misordered` is an image whose layers are those of one of the other half, in another
   * order or with other sizes. Plain layers have the order of the config there.
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

  /** The layout's manifest of an image of the other half. */
  manifestOf(image: Parts): Descriptor | undefined {
    return this.#manifests.get(keyOf(image));
  }

  /** The images that these entries, all judged, lead to, by their keys. */
  imagesUnder(entries: readonly Descriptor[]): Map<string, Parts> {
    const images = new Map<string, Parts>();
    for (const digest of this.#manifestsUnder(entries)) {
      const image = this.#images.get(digest);
      if (image !== undefined) images.set(keyOf(image), image);
    }
    return images;
  }

  /** Whether these entries, all judged, lead to a manifest of this digest. */
  leadsTo(entries: readonly Descriptor[], digest: Digest): boolean {
    return this.#manifestsUnder(entries).has(digest);
  }

  /** Whether these entries, all judged, lead to a manifest that is lost or damaged: what it names is not known. */
  hasUnread(entries: readonly Descriptor[]): boolean {
    for (const digest of this.#manifestsUnder(entries)) if (this.#unread.has(digest)) return true;
    return false;
  }

  /** Whether there is content that these entries, all judged, and the images of the other half do not lead to. */
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
    // What is there is a child to engines, whatever an annotation of lading's says of it.
    const children = named.manifests.filter((child) => isThere.has(child) || !absent.includes(child.digest));
    this.#children.set(digest, children);
    this.#blobs.set(digest, [...named.blobs.map((blob) => blob.digest), ...named.unsized]);
    const verdicts: Verdict[] = ['good'];
    if (children.length > isThere.size) verdicts.push('sparse');
    // Docker keeps one child of an index at least: where there is none, it was lost.
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
      // Not as a stream, of which thousands cost more than what they carry.
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

/** The same content under another size or type, or in an index that leaves out other children, is judged on its own. */
function claimOf({ digest, size, mediaType }: Descriptor, absent: readonly Digest[]): string {
  return [digest, size, mediaType, ...absent].join();
}

/** The blobs of an image in any order. */
export function blobSetOf({ config, layers }: Parts): string {
  return [config, ...layers.map(({ digest }) => digest).sort()].join();
}

/** Whether no layer is compressed: each is then where the config has its diffID. */
export function isPlain({ layers }: ArchiveImage): boolean {
  return layers.every(({ mediaType }) => mediaType === LAYER_TYPE.none);
}

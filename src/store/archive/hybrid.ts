import { absentOf } from '../../content/annotations.js';
import { type Descriptor, plainDescriptor } from '../../content/descriptor.js';
import type { Digest } from '../../content/digest.js';
import { isManifest, isNonDistributable } from '../../content/media-types.js';
import { fullName } from '../../content/names.js';
import { ContentError, isLadingError } from '../../errors.js';
import type { FileView } from '../../files.js';
import type { ArchiveImage as ImageItem } from '../../manifest/docker-archive-documents.js';
import {
  MAX_MANIFEST_BYTES,
  type Manifest,
  parseManifest,
  successors,
  verifyManifest,
} from '../../manifest/manifest.js';
import type { ImageFiles } from '../image-files.js';
import { entryName } from '../layout/layout-index.js';
import { blobDigest } from '../layout/layout-reader.js';
import { type ArchiveImage, archiveName, entryOf } from './archive-image.js';

/** What an image is made of. */
interface Parts {
  config: Digest;
  layers: readonly Pick<Descriptor, 'digest' | 'size'>[];
}

/**
 * Whether `manifest.json` only says again what `index.json` says: all that the index leads to is there, and each
 * image has the names and the very blobs of one in it. That is told by names and sizes; the layers, of which
 * there may be tens of thousands, are not looked at.
 */
export async function repeatsLayout(
  items: readonly ImageItem[],
  layout: ImageFiles,
  view: FileView,
): Promise<boolean> {
  const walk = new LayoutWalk(layout, view, []);
  for (const entry of layout.indexEntries) if ((await walk.judge(entry)) !== 'good') return false;
  const blobsOf = ({ config, layers }: Parts) => [config, ...layers.map(({ digest }) => digest)].join();
  const inLayout = [...walk.imagesUnder(layout.indexEntries).values()];
  const known = new Set(inLayout.map(blobsOf));
  const claimed = new Set(items.map(({ config, layers }) => [config, ...layers].map(blobDigest).join()));
  const configs = new Set(items.map(({ config }) => blobDigest(config)));
  const names = new Set(layout.indexEntries.map(nameOf));
  return (
    [...claimed].every((blobs) => known.has(blobs)) &&
    inLayout.every((image) => !configs.has(image.config) || claimed.has(blobsOf(image))) &&
    items.every(({ repoTags }) =>
      repoTags.map(archiveName).every((name) => name === undefined || names.has(name)),
    )
  );
}

/**
 * The entries of an archive that is a layout and a Docker archive at once. What `index.json` says goes first;
 * the images of `manifest.json` take the place of entries that it contradicts (Docker 25.0.0 wrote layers in
 * random order) and of indexes that lack whole platforms without a word (Docker's containerd store writes the
 * registry's index, with the content of one), and add what `index.json` leaves out (`"manifests": null` of
 * 25.0.0). An entry with anything else missing stays: that is damage, and to be told. So it is when the archive
 * has content that nothing leads to: it belongs to a manifest that was lost.
 */
export async function reconcile(
  layout: ImageFiles,
  view: FileView,
  images: readonly ArchiveImage[],
): Promise<Descriptor[]> {
  const walk = new LayoutWalk(layout, view, images);
  const names = new Set(images.flatMap((image) => image.names));
  const hasNameless = images.some((image) => image.names.length === 0);
  const kept: Descriptor[] = [];
  for (const entry of layout.indexEntries) {
    const verdict = await walk.judge(entry);
    const name = nameOf(entry);
    const isNamed = name === undefined ? hasNameless : names.has(name);
    const isReplaced = verdict === 'sparse' && isNamed && !(await walk.hasOrphans(layout.indexEntries));
    if (verdict !== 'contradicted' && !isReplaced) kept.push(entry);
  }
  const added = addedTo(kept, images, walk);
  const named = new Set(added.filter(nameOf).map(({ digest }) => digest));
  return [...kept.filter((entry) => entryName(entry) !== undefined || !named.has(entry.digest)), ...added];
}

/** The images, or names of images, that are not among the kept entries: by their manifest in the layout where there is one. */
function addedTo(
  kept: readonly Descriptor[],
  images: readonly ArchiveImage[],
  walk: LayoutWalk,
): Descriptor[] {
  const keptNames = new Set(kept.map(nameOf));
  const covered = walk.imagesUnder(kept);
  return images.flatMap((image) => {
    const manifest = walk.manifestOf(image) ?? image.manifest;
    if (image.names.length === 0)
      return covered.has(keyOf(image)) ? [] : [entryOf(manifest, manifest.digest)];
    return image.names.filter((name) => !keptNames.has(name)).map((name) => entryOf(manifest, name));
  });
}

/** From the best to the one that decides for an index with children of several. */
const VERDICTS = ['good', 'sparse', 'damaged', 'contradicted'] as const;
type Verdict = (typeof VERDICTS)[number];

/** Looks at everything that the layout's index leads to, at each manifest once. */
class LayoutWalk {
  readonly #layout: ImageFiles;
  readonly #view: FileView;
  readonly #entries: Set<Descriptor>;
  readonly #keys: Set<string>;
  readonly #configs: Set<Digest>;
  readonly #verdicts = new Map<string, Promise<Verdict>>();
  readonly #children = new Map<Digest, readonly Descriptor[]>();
  readonly #blobs = new Map<Digest, readonly Digest[]>();
  readonly #dockerBlobs: readonly Digest[];
  readonly #images = new Map<Digest, Parts>();
  readonly #manifests = new Map<string, Descriptor>();

  constructor(layout: ImageFiles, view: FileView, images: readonly ArchiveImage[]) {
    this.#layout = layout;
    this.#view = view;
    this.#entries = new Set(layout.indexEntries);
    this.#keys = new Set(images.map(keyOf));
    this.#configs = new Set(images.map(({ config }) => config));
    this.#dockerBlobs = images.flatMap(({ config, layers }) => [
      config,
      ...layers.map(({ digest }) => digest),
    ]);
  }

  judge(entry: Descriptor): Promise<Verdict> {
    return this.#judge(entry, absentOf(entry));
  }

  /** The layout's manifest of a Docker image. */
  manifestOf(image: ArchiveImage): Descriptor | undefined {
    return this.#manifests.get(keyOf(image));
  }

  /** The images that these entries lead to, by their keys. */
  imagesUnder(entries: readonly Descriptor[]): Map<string, Parts> {
    const images = new Map<string, Parts>();
    const seen = new Set<Digest>();
    const queue = [...entries];
    for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
      if (seen.has(next.digest)) continue;
      seen.add(next.digest);
      const image = this.#images.get(next.digest);
      if (image !== undefined) images.set(keyOf(image), image);
      queue.push(...(this.#children.get(next.digest) ?? []));
    }
    return images;
  }

  /** Whether there is content that these entries, all judged, and Docker's images do not lead to. */
  async hasOrphans(entries: readonly Descriptor[]): Promise<boolean> {
    const reached = new Set<Digest>(this.#dockerBlobs);
    const queue = [...entries];
    for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
      if (reached.has(next.digest)) continue;
      reached.add(next.digest);
      queue.push(...(this.#children.get(next.digest) ?? []));
      for (const digest of this.#blobs.get(next.digest) ?? []) reached.add(digest);
    }
    for await (const { digest } of this.#layout.blobs()) if (!reached.has(digest)) return true;
    return false;
  }

  async #judge(descriptor: Descriptor, absent: readonly Digest[]): Promise<Verdict> {
    const { digest, size, mediaType, urls = [] } = descriptor;
    if (!(await this.#layout.exists(descriptor)))
      return isNonDistributable(mediaType) && urls.length > 0 ? 'good' : 'damaged';
    if (!isManifest(mediaType)) return 'good';
    const claim = [digest, size, mediaType, ...absent].join();
    const verdict = this.#verdicts.get(claim) ?? this.#judgeManifest(descriptor, absent);
    this.#verdicts.set(claim, verdict);
    return verdict;
  }

  async #judgeManifest(descriptor: Descriptor, absent: readonly Digest[]): Promise<Verdict> {
    const manifest = await this.#read(descriptor);
    if (manifest === undefined) return 'damaged';
    if (this.#entries.has(descriptor)) this.#layout.noteAttached(descriptor, manifest);
    const { manifests, blobs, unsized } = successors(manifest);
    const children = manifests.filter(({ digest }) => !absent.includes(digest));
    this.#children.set(descriptor.digest, children);
    this.#blobs.set(descriptor.digest, [...blobs.map(({ digest }) => digest), ...unsized]);
    const verdicts: Verdict[] = ['good'];
    let present = 0;
    for (const child of children) {
      const isThere = await this.#has(child.digest);
      if (isThere) present += 1;
      verdicts.push(isThere ? await this.#judge(child, absent) : 'sparse');
    }
    // Docker keeps one child of an index at least: where there is none, it was lost.
    if (children.length > 0 && present === 0) verdicts.push('damaged');
    for (const blob of blobs) verdicts.push(await this.#judge(blob, absent));
    for (const digest of unsized) if (!(await this.#has(digest))) verdicts.push('damaged');
    if ('layers' in manifest) {
      const image: Parts = { config: manifest.config.digest, layers: manifest.layers };
      const key = keyOf(image);
      this.#images.set(descriptor.digest, image);
      if (this.#configs.has(manifest.config.digest) && !this.#keys.has(key)) verdicts.push('contradicted');
      if (verdicts.every((verdict) => verdict === 'good'))
        this.#manifests.set(key, plainDescriptor(descriptor));
    }
    return VERDICTS.findLast((verdict) => verdicts.includes(verdict)) ?? 'good';
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
    return (await sizeOf(this.#layout, digest)) !== undefined;
  }
}

async function sizeOf(layout: ImageFiles, digest: Digest): Promise<number | undefined> {
  try {
    return (await layout.resolveBlob(digest)).size;
  } catch (error) {
    if (isLadingError(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}

/** What makes two images the same. Sizes count: Docker 25.0's candidates wrote wrong ones. */
function keyOf({ config, layers }: Parts): string {
  return [config, ...layers.map(({ digest, size }) => `${digest} ${size}`)].join();
}

function nameOf(entry: Descriptor): string | undefined {
  const name = entryName(entry);
  return name === undefined ? undefined : (fullName(name) ?? name);
}

import { absentOf } from '../content/annotations.js';
import { type Descriptor, plainDescriptor } from '../content/descriptor.js';
import type { Digest } from '../content/digest.js';
import { isNonDistributable } from '../content/media-types.js';
import type { Platform } from '../content/platform.js';
import { ContentError } from '../errors.js';
import { GraphBudget, type GraphLimits } from '../manifest/graph-budget.js';
import { type Manifest, type Successors, successors } from '../manifest/manifest.js';
import type { Source } from '../store/store.js';
import { rewritten, singleOfIndex } from './choose.js';
import { attestationsOf, childrenFor, isWanted, wantedAt } from './choose-platforms.js';
import type { DocumentOptions, Documents } from './documents.js';
import type { ContentSource, ManifestTree, PlannedContent } from './tree.js';
import type { Beneath, GraphVisitor, Step } from './walk.js';

/** Which part of a graph is read, and how. */
export interface GraphOptions extends GraphLimits, DocumentOptions {
  /** Read only these platforms of an index; default all. */
  platforms?: readonly Platform[] | undefined;
  /**
   * What happens to an index if only some of its platforms are chosen: `sparse` keeps its bytes, `rewrite` makes a
   * smaller index, `single` replaces it by the first image that fits.
   */
  index?: 'sparse' | 'rewrite' | 'single' | undefined;
  /**
   * Returns the source of a foreign layer, which the image's own source need not have; by default such a layer stays
   * where its `urls` point.
   */
  foreign?: ((source: Source, layer: Descriptor) => ContentSource) | undefined;
}

/** The image whose tree is built. */
export interface Root {
  source: Source;
  root: Descriptor;
  /** The image's name. */
  label: string;
}

/** Which part of the image is taken. */
export interface Choice {
  /** Platforms that are wanted; undefined if all are. */
  wanted?: readonly Platform[] | undefined;
  /** What happens to an index if only some of its platforms are chosen. */
  index?: GraphOptions['index'];
}

/** A manifest that was read, and where the walk continues. */
interface Entered extends Beneath<ManifestTree> {
  content: PlannedContent;
  manifest: Manifest;
  /** Everything that the manifest names, wanted or not. */
  named: Successors;
}

/** Builds the tree of one image while its graph is walked. */
export class TreeBuilder implements GraphVisitor<Entered, ManifestTree> {
  readonly #root: Root;
  readonly #choice: Choice;
  readonly #documents: Documents;
  readonly #options: GraphOptions;
  readonly #budget: GraphBudget;
  /** Children that the source leaves out on purpose. */
  readonly #absent: ReadonlySet<Digest>;

  constructor(root: Root, choice: Choice, documents: Documents, options: GraphOptions) {
    this.#root = root;
    this.#choice = choice;
    this.#documents = documents;
    this.#options = options;
    this.#budget = new GraphBudget(options);
    this.#absent = new Set(absentOf(root.root));
  }

  /** Returns the tree of a root that is a blob, or undefined for a foreign layer that stays where its `urls` point. */
  async blobTree(): Promise<ManifestTree | undefined> {
    const content = await this.#plannedBlob(this.#root.root);
    return content && { content, isBlob: true, children: [], blobs: [], absent: [], platforms: [] };
  }

  async enter(step: Step): Promise<Entered> {
    const { descriptor } = step;
    const { source, label } = this.#root;
    this.#budget.takeDocument(descriptor);
    const { bytes, manifest } = await this.#documents.manifest(source, descriptor, label);
    const content = { descriptor: plainDescriptor(descriptor), source, bytes, manifest };
    const named = successors(manifest);
    if ('manifests' in manifest) this.#budget.take(descriptor.digest, step.depth, named.manifests.length);
    return {
      content,
      manifest,
      named,
      ...this.#chosen(named.manifests, wantedAt(step, this.#choice.wanted)),
    };
  }

  leave(step: Step, entered: Entered, children: ReadonlyMap<Descriptor, ManifestTree>) {
    return 'manifests' in entered.manifest
      ? this.#indexTree(step, entered, children)
      : this.#imageTree(step, entered);
  }

  /**
   * Returns the children to read. If platforms are chosen, images come first, then the attestations of the images that
   * were kept.
   */
  #chosen(children: readonly Descriptor[], wanted: Choice['wanted']): Beneath<ManifestTree> {
    const present = children.filter(({ digest }) => !this.#absent.has(digest));
    if (wanted === undefined) return { manifests: present };
    return {
      manifests: childrenFor(present, wanted),
      afterwards: (trees) => attestationsOf(present, trees.keys()),
    };
  }

  async #imageTree(step: Step, { content, manifest, named }: Entered): Promise<ManifestTree | undefined> {
    const platforms = await this.#platformsOf(step.descriptor, manifest);
    if (!isWanted(platforms, wantedAt(step, this.#choice.wanted))) return undefined;
    const { blobs, unsized } = named;
    const layers = await Promise.all(
      unsized.map((digest) => this.#documents.layer(this.#root.source, digest)),
    );
    const found = await this.#plannedBlobs([...blobs, ...layers]);
    const held = new Set(found.map(({ descriptor }) => descriptor.digest));
    const foreign = blobs.filter(({ digest }) => !held.has(digest));
    return { content, children: [], blobs: found, foreign, absent: [], platforms };
  }

  async #indexTree(
    step: Step,
    { content, named: { manifests, blobs } }: Entered,
    trees: ReadonlyMap<Descriptor, ManifestTree>,
  ): Promise<ManifestTree | undefined> {
    const wanted = wantedAt(step, this.#choice.wanted);
    const children = manifests.map((child) => trees.get(child));
    const kept = children.filter((tree) => tree !== undefined);
    if (wanted !== undefined && kept.length === 0) return undefined;

    const left = manifests.filter((child) => !trees.has(child)).map(({ digest }) => digest);
    const tree: ManifestTree = {
      content,
      children: kept,
      blobs: await this.#plannedBlobs(blobs),
      absent: [...left, ...kept.flatMap(({ absent }) => absent)],
      platforms: kept.flatMap(({ platforms }) => platforms),
    };
    if (wanted === undefined) return tree;
    switch (this.#choice.index) {
      case 'single':
        return singleOfIndex(kept, manifests, children, {
          wanted,
          isChosen: this.#options.platforms !== undefined,
        });
      case 'rewrite':
        return rewritten(tree, manifests, children);
      case 'sparse':
      case undefined:
        return tree;
    }
  }

  async #platformsOf({ platform: offered }: Descriptor, manifest: Manifest): Promise<Platform[]> {
    const { source, label } = this.#root;
    const readConfig = () =>
      this.#documents.configPlatform(source, manifest, { label, budget: this.#budget });
    // The config is read although the index states the platform: with `strict` to check it, and for a single image because
    // the formats that hold one need a valid config.
    const isJudged = this.#options.strict || (this.#choice.index === 'single' && offered !== undefined);
    if (isJudged) await readConfig();
    if (offered !== undefined) return offered.os === 'unknown' ? [] : [offered];
    if (manifest.format === 'docker-schema1')
      return [{ os: 'linux', architecture: manifest.architecture || 'amd64' }];
    const config = await readConfig();
    if (config === undefined) return [];
    const { os, architecture, variant, 'os.version': version, irregular } = config;
    if (architecture === '' && irregular !== undefined) return []; // the config states no platform
    return [{ os, architecture, ...(variant && { variant }), ...(version && { 'os.version': version }) }];
  }

  async #plannedBlobs(blobs: readonly Descriptor[]): Promise<PlannedContent[]> {
    const planned = await Promise.all(blobs.map((blob) => this.#plannedBlob(blob)));
    return planned.filter((blob) => blob !== undefined);
  }

  /** Returns undefined for a foreign layer that stays where its `urls` point. */
  async #plannedBlob(blob: Descriptor): Promise<PlannedContent | undefined> {
    const { source } = this.#root;
    // Report a wrong size before it is used to compute the space that is needed.
    const size = source.isLocal ? await source.sizeOf(blob) : undefined;
    if (size !== undefined && size !== blob.size) throw otherSize(blob, size);
    const descriptor = plainDescriptor(blob);
    // Whatever a local source contains is taken along, even a foreign layer.
    if (size !== undefined || !isForeign(blob))
      return { descriptor, source, bytes: await this.#documents.bytesOf(blob) };
    const elsewhere = this.#options.foreign?.(source, blob);
    return elsewhere && { descriptor, source: elsewhere };
  }
}

/** A foreign layer can be fetched from its `urls`; its registry need not have it. */
function isForeign({ mediaType, urls = [] }: Descriptor): boolean {
  return isNonDistributable(mediaType) && urls.length > 0;
}

function otherSize({ digest, size }: Descriptor, actual: number): ContentError {
  return new ContentError(
    'SIZE_MISMATCH',
    `${digest} has ${actual} bytes at its source, but its descriptor says ${size}`,
  );
}

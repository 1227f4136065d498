import { absentOf, attestedDigest } from '../../content/annotations.js';
import type { Descriptor } from '../../content/descriptor.js';
import type { Digest } from '../../content/digest.js';
import { isImageConfig, isNonDistributable } from '../../content/media-types.js';
import { formatPlatform, type Platform } from '../../content/platform.js';
import { attestationsOf, childrenFor, isWanted, wantedAt } from '../../graph/choose-platforms.js';
import { type Beneath, type GraphVisitor, type Step, walkGraph } from '../../graph/walk.js';
import { keptAs } from '../../manifest/artifact.js';
import { parseCarriedConfig } from '../../manifest/config.js';
import { GraphBudget } from '../../manifest/graph-budget.js';
import { type Manifest, parseManifest, successors } from '../../manifest/manifest.js';
import { readContent } from '../../store/read-content.js';
import type { SignalOption, Source } from '../../store/store.js';
import { missingFrom } from './missing.js';

/** What an image consists of, as far as its manifests say. */
export interface Summary extends Parts {
  /** The type of an artifact; undefined for images. */
  artifactType?: string | undefined;
  /** Everything that is present, each once: manifests, configs, layers. The values are bytes. */
  contents: Map<Digest, number>;
}

/** What is under a manifest, in the order of the index. */
interface Parts {
  /** Platforms of the images; attestations have none. */
  platforms: string[];
  /** The manifests, except attestations; attachments may refer to each of them. */
  manifests: Descriptor[];
  /** Attestations that an index lists beside its images, as BuildKit writes them. */
  attestations: Descriptor[];
}

export interface SummaryOptions extends SignalOption {
  /** Read only these platforms; default all. */
  platforms?: readonly Platform[] | undefined;
  /** Called with the manifest of the root, for stores that read it for other purposes too. */
  onRoot?: ((root: Descriptor, manifest: Manifest) => void) | undefined;
}

/**
 * Reads the manifests of an image, and its config only if nothing else states the platform. Rejects with
 * `MISSING_CONTENT` if an index names a manifest that is neither present nor left out on purpose. Returns undefined if
 * the image has none of the chosen platforms.
 */
export async function summarize(
  store: Source,
  root: Descriptor,
  options: SummaryOptions = {},
): Promise<Summary | undefined> {
  const summarizer = new Summarizer(store, root, options);
  const parts = await walkGraph(root, summarizer);
  const { contents, artifactType } = summarizer;
  return parts && { ...parts, contents, artifactType };
}

interface Entered extends Beneath<Parts> {
  manifest: Manifest;
  /** Layers whose sizes the manifest does not state. */
  unsized: readonly Digest[];
}

class Summarizer implements GraphVisitor<Entered, Parts> {
  readonly contents = new Map<Digest, number>();
  artifactType: string | undefined;
  readonly #budget = new GraphBudget();
  readonly #absent: ReadonlySet<Digest>;
  /** Each manifest is read once, however often it is named. */
  readonly #read = new Map<string, Promise<Manifest>>();

  constructor(
    private readonly store: Source,
    root: Descriptor,
    private readonly options: SummaryOptions,
  ) {
    this.#absent = new Set(absentOf(root));
  }

  async enter(step: Step): Promise<Entered> {
    const { descriptor, depth, parent } = step;
    const manifest = await this.#readOnce(descriptor).catch((error: unknown) => {
      throw parent === undefined ? error : missingFrom(parent.descriptor, descriptor, error);
    });
    const { manifests, blobs, unsized } = successors(manifest);
    if (parent === undefined) this.options.onRoot?.(descriptor, manifest);
    if ('manifests' in manifest) this.#budget.take(descriptor.digest, depth, manifests.length);
    const present = await this.#present(manifests);
    const wanted = wantedAt(step, this.options.platforms);
    if (wanted === undefined) return { manifest, manifests: present, blobs, unsized };
    const afterwards = (results: ReadonlyMap<Descriptor, Parts>): Descriptor[] =>
      attestationsOf(present, results.keys());
    return { manifest, manifests: childrenFor(present, wanted), afterwards, blobs, unsized };
  }

  /** Adds the contents of what is kept: whether an image is wanted may be known only from its config. */
  async leave(
    step: Step,
    entered: Entered,
    children: ReadonlyMap<Descriptor, Parts>,
  ): Promise<Parts | undefined> {
    const parts = await this.#partsOf(step, entered, children);
    if (parts === undefined) return undefined;
    const { digest, size } = step.descriptor;
    this.contents.set(digest, size);
    for (const blob of entered.blobs ?? []) await this.#addBlob(blob);
    for (const layer of entered.unsized)
      this.contents.set(layer, (await this.store.sizeOf({ digest: layer })) ?? 0);
    return parts;
  }

  async #addBlob({ digest, size, mediaType, urls = [] }: Descriptor): Promise<void> {
    const isElsewhere = isNonDistributable(mediaType) && urls.length > 0;
    if (isElsewhere && (await this.store.sizeOf({ digest })) === undefined) return;
    this.contents.set(digest, size);
  }

  async #partsOf(
    step: Step,
    { manifest }: Entered,
    children: ReadonlyMap<Descriptor, Parts>,
  ): Promise<Parts | undefined> {
    const { descriptor, parent } = step;
    const wanted = wantedAt(step, this.options.platforms);
    if (attestedDigest(descriptor) !== undefined)
      return { platforms: [], manifests: [], attestations: [descriptor] };
    if ('manifests' in manifest) {
      if (wanted !== undefined && children.size === 0) return undefined;
      const parts = successors(manifest).manifests.flatMap((child) => children.get(child) ?? []);
      return {
        platforms: parts.flatMap(({ platforms }) => platforms),
        manifests: [descriptor, ...parts.flatMap((each) => each.manifests)],
        attestations: parts.flatMap(({ attestations }) => attestations),
      };
    }
    if (parent === undefined) this.artifactType = artifactTypeOf(manifest);
    const platform = await this.#platformOf(descriptor, manifest);
    const platforms = platform === undefined ? [] : [platform];
    // An artifact is for every platform, even if its config is that of an image; so it is in a copy.
    const isForAll = descriptor.platform === undefined && keptAs(manifest) !== undefined;
    if (!isForAll && !isWanted(platforms, wanted)) return undefined;
    return { platforms: platforms.map(formatPlatform), manifests: [descriptor], attestations: [] };
  }

  async #readOnce(descriptor: Descriptor): Promise<Manifest> {
    const claim = `${descriptor.digest} ${descriptor.size} ${descriptor.mediaType}`;
    const known = this.#read.get(claim);
    if (known !== undefined) return known;
    const reading = this.#readOne(descriptor);
    this.#read.set(claim, reading);
    return reading;
  }

  async #readOne(descriptor: Descriptor): Promise<Manifest> {
    this.#budget.takeDocument(descriptor);
    return parseManifest(await readContent(this.store, descriptor, this.options), descriptor);
  }

  /** Leaves out the children that were left out on purpose and are missing. */
  async #present(children: readonly Descriptor[]): Promise<Descriptor[]> {
    const present: Descriptor[] = [];
    for (const child of children)
      if (!this.#absent.has(child.digest) || (await this.store.sizeOf(child)) !== undefined)
        present.push(child);
    return present;
  }

  async #platformOf(descriptor: Descriptor, manifest: Manifest): Promise<Platform | undefined> {
    const { platform } = descriptor;
    if (platform !== undefined) return platform.os === 'unknown' ? undefined : platform;
    if (manifest.format === 'docker-schema1')
      return { os: 'linux', architecture: manifest.architecture || 'amd64' };
    if (!('config' in manifest) || !isImageConfig(manifest.config.mediaType)) return undefined;
    const { config } = manifest;
    this.#budget.takeDocument(config);
    const bytes = await readContent(this.store, config, this.options);
    const stated = parseCarriedConfig(bytes, config.digest, config);
    // Signatures of cosign have an image's config without a platform.
    return stated.os === '' || stated.architecture === '' ? undefined : stated;
  }
}

function artifactTypeOf(manifest: Manifest): string | undefined {
  if ('blobs' in manifest) return manifest.artifactType;
  if (!('config' in manifest) || isImageConfig(manifest.config.mediaType)) return undefined;
  return manifest.artifactType ?? manifest.config.mediaType;
}

import type { Descriptor } from '../content/descriptor.js';
import { DEFAULT_PLATFORM, formatPlatform, matchesPlatform, type Platform } from '../content/platform.js';
import { LadingError } from '../errors.js';
import type { Pool } from '../pool.js';
import { isBlob } from '../store/read-content.js';
import type { Source } from '../store/store.js';
import { type Choice, type GraphOptions, type Root, TreeBuilder } from './build.js';
import { firstImage } from './choose.js';
import { Documents } from './documents.js';
import type { ManifestTree } from './tree.js';
import { walkGraph } from './walk.js';

/** Reads graphs of manifests; each manifest is read once for all images of a run. */
export class GraphReader {
  readonly #documents: Documents;
  readonly #options: GraphOptions;

  constructor(pool: Pool, options: GraphOptions) {
    this.#documents = new Documents(pool, options);
    this.#options = options;
  }

  /**
   * Returns the tree under `root` with the chosen platforms; rejects with `NOT_FOUND` if the image has none of them.
   */
  async read(
    source: Source,
    root: Descriptor,
    label: string,
    index = this.#options.index,
  ): Promise<ManifestTree> {
    const { platforms } = this.#options;
    const wanted = platforms ?? (index === 'single' ? [DEFAULT_PLATFORM] : undefined);
    const tree = (await isBlob(source, root))
      ? await this.#builder({ source, root, label }, {}).blobTree()
      : await this.#build({ source, root, label }, { wanted, index });
    if (tree !== undefined) {
      if (platforms !== undefined) this.#warnOfMissing(platforms, tree, label);
      return tree;
    }
    const whole = await this.readWhole(source, root, label);
    const first = platforms === undefined ? firstImage(whole) : undefined;
    if (first !== undefined)
      return { ...first, leftOut: whole.platforms.filter((platform) => !first.platforms.includes(platform)) };
    throw new LadingError(
      'NOT_FOUND',
      `${label} is not available for ${platforms?.map(formatPlatform).join(', ')}`,
      {
        hint: `It is available for ${whole.platforms.map(formatPlatform).join(', ') || 'no platform that it names'}.`,
      },
    );
  }

  /** Returns everything under `root`, whatever platforms were chosen: attachments have no platforms. */
  async readWhole(source: Source, root: Descriptor, label: string): Promise<ManifestTree> {
    const tree = await this.#build({ source, root, label }, {});
    if (tree === undefined) throw new Error('a tree without a choice of platforms is never undefined');
    return tree;
  }

  #build(root: Root, choice: Choice): Promise<ManifestTree | undefined> {
    return walkGraph(root.root, this.#builder(root, choice));
  }

  #builder(root: Root, choice: Choice): TreeBuilder {
    return new TreeBuilder(root, choice, this.#documents, this.#options);
  }

  #warnOfMissing(wanted: readonly Platform[], { platforms }: ManifestTree, label: string): void {
    const missing = wanted.filter(
      (platform) => !platforms.some((offered) => matchesPlatform(platform, offered)),
    );
    if (missing.length === 0 || platforms.length === 0) return;
    const message = `${label} is not available for ${missing.map(formatPlatform).join(', ')}`;
    this.#options.onEvent?.({ type: 'warning', message });
  }
}

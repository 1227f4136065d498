import type { Descriptor } from '../content/descriptor.js';
import { DEFAULT_PLATFORM } from '../content/platform.js';
import type { Pool } from '../pool.js';
import { isBlob } from '../store/read-content.js';
import type { Source } from '../store/store.js';
import { type Choice, type GraphOptions, type Root, TreeBuilder } from './build.js';
import { firstImage } from './choose.js';
import { lackOf, notAvailable } from './choose-platforms.js';
import { Documents } from './documents.js';
import type { ManifestTree } from './tree.js';
import { walkGraph } from './walk.js';

/** What is chosen of a single image, instead of what the options say of all. */
export type OwnChoice = Pick<GraphOptions, 'index' | 'platforms'>;

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
    { index = this.#options.index, platforms = this.#options.platforms }: OwnChoice = {},
  ): Promise<ManifestTree> {
    const wanted = platforms ?? (index === 'single' ? [DEFAULT_PLATFORM] : undefined);
    const tree = (await isBlob(source, root))
      ? await this.#builder({ source, root, label }, {}).blobTree()
      : await this.#build({ source, root, label }, { wanted, index });
    if (tree !== undefined) {
      const message = platforms && lackOf(label, platforms, tree.platforms);
      if (message !== undefined) this.#options.onEvent?.({ type: 'warning', message });
      return tree;
    }
    const whole = await this.readWhole(source, root, label);
    const first = platforms === undefined ? firstImage(whole) : undefined;
    if (first !== undefined)
      return { ...first, leftOut: whole.platforms.filter((platform) => !first.platforms.includes(platform)) };
    throw notAvailable(label, platforms ?? [DEFAULT_PLATFORM], whole.platforms);
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
}

import { availableParallelism } from 'node:os';
import type { Digest } from '../../content/digest.js';
import { ownText } from '../../content/own-text.js';
import { RecentlyUsed } from '../../content/recently-used.js';
import type { PlannedContent } from '../../graph/tree.js';
import { FairQueue, type Turn } from '../../server/fair-queue.js';
import { SharedWork } from '../../server/shared-work.js';
import {
  type LayerFacts,
  type LayerFactsOptions,
  readLayerFacts,
} from '../../transfer/convert/layer-facts.js';

/** Entries take some 300 bytes each. */
const MAX_REMEMBERED = 100_000;
/** A layer below this size is read faster than a thread starts. */
const LITTLE_BYTES = 1024 * 1024;

/**
 * Decompresses layers for conversions. One client uses all cores at most, and another one gets an additional thread;
 * work that nobody waits for any more is aborted.
 */
export class ServedLayers {
  readonly #facts = new RecentlyUsed<Digest, LayerFacts>(MAX_REMEMBERED);
  readonly #underWay = new SharedWork<Digest, LayerFacts>();
  readonly #queue: FairQueue;

  constructor() {
    const cores = availableParallelism();
    this.#queue = new FairQueue({
      concurrency: cores + 1,
      concurrencyOfClient: cores,
      most: Number.POSITIVE_INFINITY, // bounded by the images that are being converted
      refuse: () => new Error('there is room for all'),
    });
  }

  /** Returns the facts about layers; each layer is read once while the server runs. */
  async factsOf(
    layers: readonly PlannedContent[],
    turn: Turn,
    options: LayerFactsOptions,
  ): Promise<Map<Digest, LayerFacts>> {
    const facts = await Promise.all(
      layers.map(async (layer) => {
        const { digest } = layer.descriptor;
        return [digest, await this.#factsOfLayer(layer, turn, options)] as const;
      }),
    );
    return new Map(facts);
  }

  close(reason: unknown): Promise<void> {
    return this.#underWay.close(reason);
  }

  async #factsOfLayer(
    layer: PlannedContent,
    turn: Turn,
    { signal, ...options }: LayerFactsOptions,
  ): Promise<LayerFacts> {
    const { digest, size } = layer.descriptor;
    const known = this.#facts.get(digest);
    if (known !== undefined) return known;
    const alwaysInThreads = size > LITTLE_BYTES;
    const read = (stop: AbortSignal) =>
      this.#queue.run(
        turn,
        async () => {
          const facts = await readLayerFacts([layer], { ...options, alwaysInThreads, signal: stop });
          const found = facts.get(digest);
          if (found === undefined) throw new Error(`${digest} was not read`);
          this.#facts.set(ownText(digest), found);
          return found;
        },
        stop,
      );
    return this.#underWay.join(digest, read, signal);
  }
}

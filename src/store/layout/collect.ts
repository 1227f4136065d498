import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Descriptor } from '../../content/descriptor.js';
import type { Digest } from '../../content/digest.js';
import { onDisk } from '../../disk/disk.js';
import { openDirectory } from '../../disk/files.js';
import { acquireLock, type LockOptions } from '../../disk/lock.js';
import { ifThere } from '../../disk/own-file.js';
import { type KnownNeeds, Marker, refuseGaps, rootOf } from '../mark.js';
import { type Amount, amountOf, type PruneReport } from '../prune-report.js';
import { IndexFile } from './index-file.js';
import { LayoutReader } from './layout-reader.js';
import { leftParts } from './left-parts.js';
import { INGEST } from './make-layout.js';
import { RemovedBlobs } from './removed-blobs.js';
import { RepositoryBlobs } from './repository.js';

export interface CollectLayoutOptions extends LockOptions {
  /** Content younger than this stays, in milliseconds. */
  graceMs: number;
  /** Say what would be removed, and change nothing; default false. */
  dryRun?: boolean | undefined;
  onCondemned?: ((amount: Amount) => void) | undefined;
  /** Milliseconds since 1970. */
  now?: (() => number) | undefined;
}

/** A blob without a name that leads to it. */
interface Unneeded {
  digest: Digest;
  size: number;
}

interface Found {
  names: number;
  kept: Unneeded[];
  young: Unneeded[];
  old: Unneeded[];
}

/**
 * Removes from a layout directory what no entry of `index.json` leads to and is older than the grace. Saves wait meanwhile, as
 * this waits for them, and a push that needs something that is removed is refused: the index is locked from the mark to the
 * last removal. Rejects with `MISSING_CONTENT`, and removes nothing, if a manifest that is needed cannot be read.
 */
export async function collectLayout(directory: string, options: CollectLayoutOptions): Promise<PruneReport> {
  const collection = new LayoutCollection(directory, options);
  // Manifests that were read now need not be read while others wait.
  const first = await collection.look(await new IndexFile(directory).read());
  const { graceMs, now = Date.now } = options;
  if (options.dryRun)
    return reportOf(first, { removed: first.old, unfinished: await leftParts(directory, now() - graceMs) });
  const lock = await acquireLock(join(directory, INGEST), options);
  try {
    const unfinished = await leftParts(directory, now() - graceMs);
    const report = await collection.remove(unfinished);
    await unfinished.remove();
    return report;
  } finally {
    await lock.release();
  }
}

class LayoutCollection {
  readonly #directory: string;
  readonly #options: CollectLayoutOptions;
  readonly #known: KnownNeeds = new Map();
  readonly #blobs: RepositoryBlobs;

  constructor(directory: string, options: CollectLayoutOptions) {
    this.#directory = directory;
    this.#options = options;
    this.#blobs = new RepositoryBlobs(directory);
  }

  async remove(unfinished: Amount): Promise<PruneReport> {
    const index = new IndexFile(this.#directory);
    const removed = new RemovedBlobs(this.#directory);
    let found: Found | undefined;
    await index.change(
      async (entries) => {
        found = await this.look(entries);
        return entries;
      },
      async () => {
        const doomed = found?.old ?? [];
        this.#options.onCondemned?.(amountOf(doomed));
        for (const { digest } of doomed) {
          this.#options.signal?.throwIfAborted();
          for (const repository of await this.#blobs.holders(digest))
            await this.#blobs.remove(repository, digest);
          // A repository may have got it meanwhile.
          await removed.remove(digest, async () => (await this.#blobs.holders(digest)).length > 0);
        }
      },
    );
    if (found === undefined) throw new Error('a change of the index has called its edit');
    return reportOf(found, { removed: found.old, unfinished });
  }

  /** Follows every entry, and lists what they do not lead to. */
  async look(entries: readonly Descriptor[]): Promise<Found> {
    const { signal, now = Date.now } = this.#options;
    const reader = new LayoutReader(openDirectory(this.#directory), entries);
    const marker = new Marker(reader, this.#known);
    await marker.markAll(entries.map(rootOf), { signal });
    refuseGaps(marker.gaps, this.#directory);
    const found: Found = { names: entries.length, kept: [], young: [], old: [] };
    const latest = now() - this.#options.graceMs;
    for await (const { digest, region } of reader.contentFiles()) {
      const blob = { digest, size: region.size };
      if (marker.needed.has(digest)) found.kept.push(blob);
      else if ((await this.#lastUsed(digest, region.path)) >= latest) found.young.push(blob);
      else found.old.push(blob);
    }
    return found;
  }

  /** When a blob was written, or a repository of a registry has got it, in milliseconds since 1970. */
  async #lastUsed(digest: Digest, path: string): Promise<number> {
    const written = await onDisk(path, () => ifThere(() => stat(path)));
    const times = [written?.mtimeMs ?? Number.POSITIVE_INFINITY];
    for (const repository of await this.#blobs.holders(digest))
      times.push((await this.#blobs.addedAt(repository, digest)) ?? 0);
    return Math.max(...times);
  }
}

function reportOf(
  { names, kept, young }: Found,
  { removed, unfinished: { blobs, bytes } }: { removed: readonly Unneeded[]; unfinished: Amount },
): PruneReport {
  return {
    names,
    removed: [...removed],
    kept: amountOf(kept),
    young: amountOf(young),
    spared: { blobs: 0, bytes: 0 },
    unfinished: { blobs, bytes },
    failures: [],
  };
}

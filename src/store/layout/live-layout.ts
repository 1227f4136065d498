import type { Descriptor } from '../../content/descriptor.js';
import { type Digest, isDigest } from '../../content/digest.js';
import { isManifest } from '../../content/media-types.js';
import { openDirectory } from '../../disk/files.js';
import { ContentError } from '../../errors.js';
import { RepositoryContents } from '../repository-contents.js';
import { type Tags, tagsOf } from '../repository-view.js';
import type { Resolved, Wanted } from '../store.js';
import { IndexFile } from './index-file.js';
import { LayoutReader } from './layout-reader.js';
import { RecentlySeen } from './recently-seen.js';

/**
 * A layout directory that others may write while it is read. The locations of manifests are cached for a second, or
 * until the index changes, because deleting a manifest changes the index first. So a request for a manifest only checks
 * the index; a manifest file that was removed by hand is noticed a second later.
 */
export class LiveLayout extends LayoutReader {
  readonly #manifests = new RecentlySeen<Digest, Resolved>();
  readonly #sizes = new RecentlySeen<Digest, number>();
  #tags: Promise<Tags> | undefined;
  #contents: RepositoryContents | undefined;

  private constructor(
    readonly directory: string,
    readonly index: IndexFile,
    entries: readonly Descriptor[],
  ) {
    super(openDirectory(directory), entries);
  }

  /** Opens a layout directory; rejects with `INVALID_LAYOUT` if it is not a layout. */
  static async openDirectory(directory: string): Promise<LiveLayout> {
    const index = new IndexFile(directory);
    return new LiveLayout(directory, index, await index.read());
  }

  /** Returns repository → tag → manifest, as `index.json` is now. */
  async tags(): Promise<Tags> {
    await this.refresh();
    this.#tags ??= tagsOf(this);
    return this.#tags;
  }

  /** The result of the last `tags()`, without checking the file; undefined before the first call. */
  get lastTags(): Promise<Tags> | undefined {
    return this.#tags;
  }

  /** Returns what belongs to each repository, as `index.json` is now. */
  async contents(): Promise<RepositoryContents> {
    await this.refresh();
    return this.lastContents;
  }

  /** What belongs to each repository, as `index.json` was when it was last checked. */
  get lastContents(): RepositoryContents {
    this.#contents ??= this.contentsWith(this.entries);
    return this.#contents;
  }

  /** Returns what would belong to each repository with these entries. */
  contentsWith(entries: readonly Descriptor[]): RepositoryContents {
    return new RepositoryContents(entries, this.graph);
  }

  override resolve(reference: string): Promise<Resolved> {
    const resolve = () => super.resolve(reference);
    return isDigest(reference) ? this.#manifests.get(reference, resolve) : resolve();
  }

  /** Returns the size of content in bytes. Without a media type the disk is always checked. */
  override sizeOf(content: Wanted): Promise<number | undefined> {
    const look = () => super.sizeOf(content);
    return isManifest(content.mediaType ?? '') ? this.#sizes.get(content.digest, look) : look();
  }

  /** Loads what was written since; costs one `stat` if nothing was. */
  async refresh(): Promise<void> {
    const entries = await this.#entriesNow();
    if (entries === this.entries) return;
    this.entries = entries;
    this.#tags = undefined;
    this.#contents = undefined;
    this.forgetAttached();
    this.#manifests.forget();
    this.#sizes.forget();
  }

  async #entriesNow(): Promise<readonly Descriptor[]> {
    try {
      return await this.index.read();
    } catch (error) {
      // Other tools write the index in place, so it may be incomplete for a moment: keep the previous entries.
      if (error instanceof ContentError) return this.index.lastRead ?? this.entries;
      throw error;
    }
  }
}

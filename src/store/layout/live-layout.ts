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
 * A layout directory that others may write while it is read. Where a manifest lies is looked at once in a while, as
 * long as nobody writes to the index: whoever deletes one writes to that first. So a request for a manifest looks at the
 * disk once, for the index, and one whose file somebody has removed by hand is missed a second later.
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

  /** Rejects with `INVALID_LAYOUT` when the directory is no layout. */
  static async openDirectory(directory: string): Promise<LiveLayout> {
    const index = new IndexFile(directory);
    return new LiveLayout(directory, index, await index.read());
  }

  /** Repository → tag → manifest, as `index.json` has it now. */
  async tags(): Promise<Tags> {
    await this.refresh();
    this.#tags ??= tagsOf(this);
    return this.#tags;
  }

  /** The same as it was when it was last asked for, without a look at the file; undefined before. */
  get lastTags(): Promise<Tags> | undefined {
    return this.#tags;
  }

  /** What belongs to each repository, as `index.json` has it now. */
  async contents(): Promise<RepositoryContents> {
    await this.refresh();
    return this.lastContents;
  }

  /** The same as it was when the file was last looked at. */
  get lastContents(): RepositoryContents {
    this.#contents ??= this.contentsWith(this.entries);
    return this.#contents;
  }

  /** What would belong to each repository with these entries. */
  contentsWith(entries: readonly Descriptor[]): RepositoryContents {
    return new RepositoryContents(entries, this.graph);
  }

  override resolve(reference: string): Promise<Resolved> {
    const resolve = () => super.resolve(reference);
    return isDigest(reference) ? this.#manifests.get(reference, resolve) : resolve();
  }

  /** Without a media type it is what is there at this very moment. */
  override sizeOf(content: Wanted): Promise<number | undefined> {
    const look = () => super.sizeOf(content);
    return isManifest(content.mediaType ?? '') ? this.#sizes.get(content.digest, look) : look();
  }

  /** Takes up what was written since; one `stat` when nothing was. */
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
      // Other tools write the index in place: a moment later it is whole again.
      if (error instanceof ContentError) return this.index.lastRead ?? this.entries;
      throw error;
    }
  }
}

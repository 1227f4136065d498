import { ANNOTATION } from '../../content/annotations.js';
import type { Descriptor } from '../../content/descriptor.js';
import { isDigest } from '../../content/digest.js';
import { isManifest } from '../../content/media-types.js';
import { parsePlatform } from '../../content/platform.js';
import { lackOf, notAvailable } from '../../graph/choose-platforms.js';
import { isAttachmentTag } from '../../store/attached.js';
import type { ImageFiles } from '../../store/image-files.js';
import type { GraphCheck, Place } from './graph.js';
import { PlatformCheck } from './platforms.js';
import type { VerifyOptions } from './result.js';

/** An entry of the index with its name. */
interface Entry {
  entry: Descriptor;
  name: string | undefined;
}

/** Checks some images of an archive or layout, or some platforms, with what is attached to them. */
export class PartialCheck {
  /** Chooses platforms; undefined if all are checked. */
  readonly platforms: PlatformCheck | undefined;
  readonly #store: ImageFiles;
  readonly #walk: GraphCheck;
  readonly #options: VerifyOptions;
  /** Entries that say that they are attached. */
  readonly #declared: readonly Descriptor[];
  /** Number of documents whose attachments were checked. */
  #asked = 0;

  constructor(store: ImageFiles, walk: GraphCheck, options: VerifyOptions) {
    this.#store = store;
    this.#walk = walk;
    this.#options = options;
    this.platforms = options.platforms && new PlatformCheck(options.platforms.map(parsePlatform));
    this.#declared = store.indexEntries.filter((entry) => declaredSubject(entry) !== undefined);
  }

  /** Returns the entries to visit. A selection says itself which of them are images. */
  async imagesAmong(entries: readonly Entry[]): Promise<readonly Entry[]> {
    return this.#options.select === undefined ? this.#ownImages(entries) : entries;
  }

  /**
   * Checks what is attached to an image that was visited. Rejects with `NOT_FOUND` if it has none of the wanted platforms,
   * and warns if it lacks some, as a copy does.
   */
  async follow(entry: Descriptor, { image, absent }: Place): Promise<void> {
    if (this.platforms !== undefined) {
      const { wanted } = this.platforms;
      const kept = this.platforms.keptOf(entry);
      if (kept === undefined) throw notAvailable(image, wanted, this.platforms.takeOthers());
      const message = lackOf(image, wanted, kept);
      if (message !== undefined) this.#options.onEvent?.({ type: 'warning', message });
      this.platforms.takeOthers();
    }
    await this.#visitAttached({ image, absent });
  }

  /** Checks what is attached to the manifests that were read, and to that; else all entries of an index are visited. */
  async #visitAttached(place: Place): Promise<void> {
    const { documents, verified } = this.#walk;
    for (; this.#asked < documents.length; this.#asked++) {
      const { digest = '', mediaType = '' } = documents[this.#asked] ?? {};
      if (!isDigest(digest) || !isManifest(mediaType) || this.platforms?.isPassed(digest)) continue;
      const subject = { digest, mediaType, size: verified.get(digest) ?? 0 };
      for await (const { descriptor } of this.#store.referrers(subject))
        await this.#walk.visit(descriptor, place);
      // A damaged one does not say any more what it is attached to, but its entry may.
      for (const entry of this.#declared)
        if (declaredSubject(entry) === digest) await this.#walk.visit(entry, place);
    }
  }

  /**
   * Returns the entries that are images of their own, in the order of the index. Layouts of oras and others have entries
   * without a name for children and attachments of an image, too, which are for platforms of that image.
   */
  async #ownImages(entries: readonly Entry[]): Promise<Entry[]> {
    const named = entries.filter(({ name }) => name !== undefined).map(({ entry }) => entry);
    const parts = await this.#store.graph.manifestsUnderSome(named);
    const declared = new Set(this.#declared);
    const own: Entry[] = [];
    for (const each of entries) {
      const { entry, name } = each;
      const isOwn =
        name === undefined
          ? !declared.has(entry) && !parts.has(entry.digest) && !(await isAttached(this.#store, entry))
          : !isAttachmentTag(name.slice(name.lastIndexOf(':') + 1));
      if (isOwn) own.push(each);
    }
    return own;
  }
}

/** True for what is attached to a manifest that is there; without it, it is content of its own. */
async function isAttached(store: ImageFiles, entry: Descriptor): Promise<boolean> {
  const { subject } = await store.graph.linksOf(entry);
  return subject !== undefined && (await store.sizeOf({ digest: subject })) !== undefined;
}

function declaredSubject({ annotations }: Descriptor): string | undefined {
  return annotations?.[ANNOTATION.containerdSubject];
}

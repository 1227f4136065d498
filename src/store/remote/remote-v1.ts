import type { Readable } from 'node:stream';
import type { Descriptor, NamedDescriptor } from '../../content/descriptor.js';
import { type Digest, isDigest } from '../../content/digest.js';
import { isManifest, MEDIA_TYPE } from '../../content/media-types.js';
import type { Region } from '../../disk/region.js';
import { ContentError, isLadingError, LadingError } from '../../errors.js';
import { parseV1Image } from '../../manifest/v1/image.js';
import type { RepositoryName, V1Client, V1ImageAnswer, V1Repository } from '../../registry/client.js';
import type { ArchiveImage } from '../archive/archive-image.js';
import { NamedFiles } from '../archive/named-files.js';
import { makeV1Image } from '../archive/v1-image.js';
import type { FetchOptions, Referrer, SignalOption, Source, Wanted } from '../store.js';
import { V1Spool } from './v1-spool.js';

export interface RemoteV1Options {
  /** Shared by the stores of a run, and closed by its creator; default: one for this store. */
  spool?: V1Spool | undefined;
}

/** A repository of a v1 registry; its tags can be listed without fetching images. */
export interface RemoteV1Store extends Source {
  tags(options?: SignalOption): AsyncIterable<string>;
}

/**
 * Returns a repository of a registry without manifests and digests. Resolving a tag fetches all layers of its image,
 * and makes the same config and manifest as Docker 1.10 did when it pulled from such a registry; the same image always
 * gives the same ones. The content cannot be verified.
 */
export function createRemoteV1Store(
  client: V1Client,
  name: RepositoryName,
  options: RemoteV1Options = {},
): RemoteV1Store {
  return new V1Store(client, name, options);
}

class V1Store implements RemoteV1Store {
  readonly location: string;
  /** True, because layers are fetched to this machine first. */
  readonly isLocal = true;
  readonly #client: V1Client;
  readonly #name: RepositoryName;
  readonly #spool: V1Spool;
  readonly #ownsSpool: boolean;
  #repository: Promise<V1Repository> | undefined;
  #files: Promise<NamedFiles> | undefined;
  /** Images by the ID of their top layer. */
  readonly #images = new Map<string, Promise<ArchiveImage>>();
  readonly #answers = new Map<string, Promise<V1ImageAnswer>>();
  /** What was made or fetched so far, by digest. */
  readonly #contents = new Map<Digest, Descriptor>();

  constructor(client: V1Client, name: RepositoryName, { spool }: RemoteV1Options) {
    this.location = `${name.registry}/${name.repository}`;
    this.#client = client;
    this.#name = name;
    this.#spool = spool ?? new V1Spool();
    this.#ownsSpool = spool === undefined;
  }

  async resolve(reference: string, { signal }: SignalOption = {}): Promise<Descriptor> {
    if (isDigest(reference)) return this.#known(reference, isManifest);
    const repository = await this.#open(signal);
    const id = await repository.resolve(reference, { signal });
    const image = await once(this.#images, id, () => this.#makeImage(repository, id, signal));
    return image.manifest;
  }

  async sizeOf({ digest }: Wanted): Promise<number | undefined> {
    return this.#contents.get(digest)?.size;
  }

  async fetch({ digest }: Descriptor, { start, signal }: FetchOptions = {}): Promise<Readable> {
    this.#known(digest);
    return (await this.#namedFiles()).open(digest, { start, signal });
  }

  async region({ digest }: Descriptor): Promise<Region | undefined> {
    return this.#contents.has(digest) ? (await this.#namedFiles()).region(digest) : undefined;
  }

  async *tags({ signal }: SignalOption = {}): AsyncIterable<string> {
    const repository = await this.#open(signal);
    yield* (await repository.tags({ signal })).keys();
  }

  async *names({ signal }: SignalOption = {}): AsyncIterable<NamedDescriptor> {
    for await (const tag of this.tags({ signal })) {
      yield { name: tag, descriptor: await this.resolve(tag, { signal }) };
    }
  }

  async *referrers(): AsyncIterable<Referrer> {} // attachments need digests, which v1 does not have

  async close(): Promise<void> {
    if (this.#ownsSpool) await this.#spool.close();
  }

  #open(signal: AbortSignal | undefined): Promise<V1Repository> {
    this.#repository ??= this.#client.open(this.#name, { signal }).catch((error: unknown) => {
      this.#repository = undefined;
      throw error;
    });
    return this.#repository;
  }

  #namedFiles(): Promise<NamedFiles> {
    this.#files ??= this.#spool.view().then((view) => new NamedFiles(view));
    return this.#files;
  }

  /** Makes an image. Documents come first, so that errors in them are found before layers are fetched. */
  async #makeImage(
    repository: V1Repository,
    top: string,
    signal: AbortSignal | undefined,
  ): Promise<ArchiveImage> {
    const ids = (await repository.ancestry(top, { signal })).reverse();
    const answers = await Promise.all(ids.map((id) => this.#answer(repository, id, top, signal)));
    this.#requireChain(ids, answers);
    const layers = await Promise.all(
      answers.map((answer, place) => this.#spool.layer(repository, ids[place] ?? top, answer, signal)),
    );
    const files = await this.#namedFiles();
    const image = makeV1Image(files, { documents: answers.map(({ json }) => json), layers, names: [] });
    const config = { mediaType: MEDIA_TYPE.dockerConfig, digest: image.config };
    const size = (await files.size(image.config)) ?? 0;
    for (const descriptor of [image.manifest, { ...config, size }, ...image.layers])
      this.#contents.set(descriptor.digest, descriptor);
    return image;
  }

  async #answer(
    repository: V1Repository,
    id: string,
    top: string,
    signal: AbortSignal | undefined,
  ): Promise<V1ImageAnswer> {
    try {
      return await once(this.#answers, id, () => repository.image(id, { signal }));
    } catch (error) {
      if (!isLadingError(error, 'NOT_FOUND')) throw error;
      throw new ContentError('MISSING_CONTENT', `v1 image ${top} is based on ${id}, which is missing`, {
        cause: error,
        hint: 'The image is incomplete at its registry; it cannot be pulled from there.',
      });
    }
  }

  /** Checks that the ancestry agrees with the parents that the images state. */
  #requireChain(ids: readonly string[], answers: readonly V1ImageAnswer[]): void {
    for (const [place, { json }] of answers.entries()) {
      const where = `v1 image ${ids[place]} of ${this.#name.registry}/${this.#name.repository}`;
      const { id, parent } = parseV1Image(json, where);
      const below = place === 0 ? undefined : ids[place - 1];
      if (id !== ids[place]) throw new ContentError('INVALID_MANIFEST', `${where} calls itself ${id}`);
      if (parent !== below)
        throw new ContentError(
          'INVALID_MANIFEST',
          `${where} has the parent ${parent ?? 'none'}, but its ancestry says ${below ?? 'none'}`,
        );
    }
  }

  #known(digest: Digest, isWanted: (mediaType: string) => boolean = () => true): Descriptor {
    const descriptor = this.#contents.get(digest);
    if (descriptor !== undefined && isWanted(descriptor.mediaType)) return descriptor;
    throw new LadingError(
      'NOT_FOUND',
      `${this.#name.registry}/${this.#name.repository} cannot be asked for ${digest}`,
      { hint: 'A v1 registry knows images by their tags only; name one.' },
    );
  }
}

/** Makes each value once, however many callers ask; a failure is not cached. */
function once<T>(made: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  const known = made.get(key);
  if (known !== undefined) return known;
  const making = make();
  made.set(key, making);
  making.catch(() => made.delete(key));
  return making;
}

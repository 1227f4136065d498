import type { Descriptor } from '../../content/descriptor.js';
import { algorithmOf, type Digest } from '../../content/digest.js';
import { RegistryError } from '../../errors.js';
import { createTurns } from '../../in-turn.js';
import { parseManifest, successors, verifyManifest } from '../../manifest/manifest.js';
import type { RegistryClient, RepositoryName } from '../../registry/client.js';
import { isRetryable } from '../../retry.js';
import { readVerified } from '../read-content.js';
import type { OpenContent, PushOptions } from '../store.js';
import { listUnderFallbackTag, referrerDescriptor } from './fallback-referrers.js';

/** Limit for manifests in memory between their push and their tags; others are fetched again. */
const MAX_REMEMBERED_BYTES = 32 * 1024 * 1024;

/** Pushes manifests to a repository, by digest and by tag, byte for byte. */
export class ManifestPusher {
  readonly #client: RegistryClient;
  readonly #name: RepositoryName;
  readonly #present = new Set<Digest>();
  readonly #bytes = new Map<Digest, Buffer>();
  #remembered = 0;
  readonly #inTurn = createTurns<Digest>();
  #listsReferrers: Promise<boolean> | undefined;

  constructor(client: RegistryClient, name: RepositoryName) {
    this.#client = client;
    this.#name = name;
  }

  push(descriptor: Descriptor, open: OpenContent, options: PushOptions): Promise<void> {
    return this.#inTurn(descriptor.digest, () => this.#push(descriptor, open, options));
  }

  /** Lists an existing manifest under its subject, if the registry does not list referrers itself. */
  async link(descriptor: Descriptor, bytes: Buffer, signal: AbortSignal | undefined): Promise<void> {
    const manifest = parseManifest(bytes, descriptor);
    const { subject } = successors(manifest);
    if (subject === undefined || this.#present.has(descriptor.digest)) return;
    this.#listsReferrers ??= this.#askReferrers(subject.digest, signal);
    if (await this.#listsReferrers) return;
    const referrer = referrerDescriptor(descriptor, manifest);
    await listUnderFallbackTag(this.#client, this.#name, subject.digest, referrer, signal);
  }

  /** A registry that refuses this request may not list referrers; a list under a tag does no harm then. */
  async #askReferrers(subject: Digest, signal: AbortSignal | undefined): Promise<boolean> {
    try {
      return (await this.#client.listReferrers(this.#name, subject, { signal, retries: 0 })) !== undefined;
    } catch (error) {
      if (error instanceof RegistryError && !isRetryable(error)) return false;
      this.#listsReferrers = undefined;
      throw error;
    }
  }

  async tag(descriptor: Descriptor, tag: string): Promise<void> {
    let bytes = this.#bytes.get(descriptor.digest);
    if (bytes === undefined) {
      ({ bytes } = await this.#client.getManifest(this.#name, descriptor.digest, {
        order: 'registry only',
      }));
      // A registry may sign schema1 with its own key: the payload and its digest stay the same, but not the size.
      verifyManifest({ ...descriptor, size: bytes.byteLength }, bytes);
    }
    await this.#put(descriptor, tag, bytes, {});
  }

  async #push(descriptor: Descriptor, open: OpenContent, { signal, onBytes }: PushOptions): Promise<void> {
    if (this.#present.has(descriptor.digest)) return;
    const bytes = await readVerified(descriptor, open, { signal });
    const manifest = parseManifest(bytes, descriptor);
    const listed = await this.#put(descriptor, descriptor.digest, bytes, { signal, retries: 0 });
    const { subject } = successors(manifest);
    if (subject !== undefined && listed !== subject.digest) {
      const referrer = referrerDescriptor(descriptor, manifest);
      await listUnderFallbackTag(this.#client, this.#name, subject.digest, referrer, signal);
    }
    onBytes?.(bytes.byteLength, 'fetched');
    this.#present.add(descriptor.digest);
    this.#remember(descriptor.digest, bytes);
  }

  /** Resolves with the subject under which the registry lists the manifest. */
  async #put(
    { mediaType, digest }: Descriptor,
    reference: string,
    bytes: Buffer,
    options: { signal?: AbortSignal | undefined; retries?: number },
  ): Promise<Digest | undefined> {
    const put = await this.#client.putManifest(this.#name, reference, { mediaType, bytes }, options);
    const kept = put.digest;
    // A digest of another algorithm cannot be compared. A registry without the header is asked at the end of the push.
    if (kept !== undefined && kept !== digest && algorithmOf(kept) === algorithmOf(digest)) {
      throw new RegistryError(
        'REGISTRY',
        `${this.#name.registry}/${this.#name.repository} keeps the manifest ${digest} as ${kept}`,
        {
          hint: 'The registry, or a proxy before it, changes manifests, so digests and signatures are not valid there.',
        },
      );
    }
    return put.subject;
  }

  #remember(digest: Digest, bytes: Buffer): void {
    if (this.#remembered + bytes.byteLength > MAX_REMEMBERED_BYTES) return;
    this.#remembered += bytes.byteLength;
    this.#bytes.set(digest, bytes);
  }
}

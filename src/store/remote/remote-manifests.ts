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

/** So much is remembered between a manifest's push and its tags; what is beyond is fetched again. */
const MAX_REMEMBERED_BYTES = 32 * 1024 * 1024;

/** Puts manifests into a repository, by digest and under tags, byte for byte. */
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

  /** Lists a manifest that is there under its subject, where the registry does not list referrers by itself. */
  async link(descriptor: Descriptor, bytes: Buffer, signal: AbortSignal | undefined): Promise<void> {
    const manifest = parseManifest(bytes, descriptor);
    const { subject } = successors(manifest);
    if (subject === undefined || this.#present.has(descriptor.digest)) return;
    this.#listsReferrers ??= this.#askReferrers(subject.digest, signal);
    if (await this.#listsReferrers) return;
    const referrer = referrerDescriptor(descriptor, manifest);
    await listUnderFallbackTag(this.#client, this.#name, subject.digest, referrer, signal);
  }

  /** A registry that refuses the question may lack the answer: a list under a tag does no harm then. */
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
      // A registry signs schema1 with a key of its own: the payload, and so the digest, is the same, the size is not.
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

  /** Resolves with the subject that the registry lists the manifest under. */
  async #put(
    { mediaType, digest }: Descriptor,
    reference: string,
    bytes: Buffer,
    options: { signal?: AbortSignal | undefined; retries?: number },
  ): Promise<Digest | undefined> {
    const put = await this.#client.putManifest(this.#name, reference, { mediaType, bytes }, options);
    const kept = put.digest;
    // Of another algorithm it says nothing; a registry without the header is asked when the push is proven.
    if (kept !== undefined && kept !== digest && algorithmOf(kept) === algorithmOf(digest)) {
      throw new RegistryError(
        'REGISTRY',
        `${this.#name.registry}/${this.#name.repository} keeps the manifest ${digest} as ${kept}`,
        {
          hint: 'The registry, or a proxy before it, changes manifests; digests and signatures do not hold there.',
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

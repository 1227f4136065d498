import { Readable } from 'node:stream';
import type { Descriptor, NamedDescriptor } from '../content/descriptor.js';
import { type Digest, isDigest } from '../content/digest.js';
import { isManifest } from '../content/media-types.js';
import { LadingError } from '../errors.js';
import { parseManifest } from '../manifest/manifest.js';
import { type Attached, attachedTag, attachedTo } from './attached.js';
import { readVerified } from './read-content.js';
import type { Referrer, Store } from './store.js';

/** Creates a store in memory: for tests, for intermediate documents, and as the smallest example of a store. */
export function createMemoryStore(): Store {
  const contents = new Map<Digest, { descriptor: Descriptor; bytes: Buffer }>();
  const names = new Map<string, Descriptor>();
  const attached: Attached[] = [];

  function contentOf(digest: Digest): { descriptor: Descriptor; bytes: Buffer } {
    const content = contents.get(digest);
    if (content === undefined) throw new LadingError('NOT_FOUND', `${digest} is not in this store`);
    return content;
  }

  return {
    location: 'memory',
    isLocal: true,
    async resolve(reference) {
      const named = names.get(reference);
      if (named !== undefined) return named;
      if (isDigest(reference)) {
        const { descriptor } = contentOf(reference);
        if (isManifest(descriptor.mediaType)) return descriptor;
      }
      throw new LadingError('NOT_FOUND', `${reference} is not in this store`);
    },
    async sizeOf({ digest }) {
      return contents.get(digest)?.bytes.byteLength;
    },
    async fetch({ digest }, { start = 0 } = {}) {
      return Readable.from([contentOf(digest).bytes.subarray(start)], { objectMode: false });
    },
    async *names(): AsyncIterable<NamedDescriptor> {
      for (const [name, descriptor] of names) yield { name, descriptor };
    },
    async *referrers({ digest }): AsyncIterable<Referrer> {
      for (const { subject, referrer } of attached) if (subject === digest) yield referrer;
    },
    async push(descriptor, open, options = {}) {
      if (contents.has(descriptor.digest)) return;
      const bytes = await readVerified(descriptor, open, options);
      const manifest = isManifest(descriptor.mediaType) ? parseManifest(bytes, descriptor) : undefined;
      if (contents.has(descriptor.digest)) return; // another push was faster
      contents.set(descriptor.digest, { descriptor, bytes });
      options.onBytes?.(bytes.byteLength, 'fetched');
      const link = manifest && attachedTo(descriptor, manifest);
      if (link !== undefined) attached.push(link);
    },
    async tag(descriptor, reference) {
      contentOf(descriptor.digest);
      names.set(reference, descriptor);
      const link = attachedTag(descriptor, reference);
      if (link !== undefined) attached.push(link);
    },
    async close() {},
  };
}

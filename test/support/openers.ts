import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { Descriptor } from '../../src/content/descriptor.js';
import type { Digest } from '../../src/content/digest.js';
import { RegistryError } from '../../src/errors.js';
import type { FetchOptions, OpenContent, Source } from '../../src/store/store.js';

/** An opener that records the offsets at which it was opened. */
export type CountedOpener = OpenContent & { starts: number[] };

/** Returns an opener of bytes in memory, which come in one chunk. */
export function openerOf(bytes: Buffer): CountedOpener {
  return counted(async ({ start = 0 }) => Readable.from([bytes.subarray(start)]));
}

/** Returns an opener whose connection breaks after the byte `end`, the first `breaks` times. */
export function breakingOpener(bytes: Buffer, end: number, breaks = 1): CountedOpener {
  let left = breaks;
  return counted(async ({ start = 0 }) =>
    left-- > 0 ? brokenOff(bytes.subarray(start, end)) : Readable.from([bytes.subarray(start)]),
  );
}

/** Returns a body that ends with a broken connection; a retry does not have to wait. */
export function brokenOff(bytes: Buffer): Readable {
  async function* body(): AsyncIterable<Buffer> {
    yield bytes;
    throw new RegistryError('CUT_SHORT', 'the connection broke', { retryAfterMs: 1 });
  }
  return Readable.from(body());
}

function counted(open: (options: FetchOptions) => Promise<Readable>): CountedOpener {
  const starts: number[] = [];
  const opener: OpenContent = (options = {}) => {
    starts.push(options.start ?? 0);
    options.signal?.throwIfAborted();
    return open(options);
  };
  return Object.assign(opener, { starts });
}

/** Returns all bytes of content from a store. */
export async function readAll(
  store: Source,
  descriptor: Descriptor,
  options?: FetchOptions,
): Promise<Buffer> {
  return buffer(await store.fetch(descriptor, options));
}

export interface Fetch {
  digest: Digest;
  start: number;
}

/** Returns the same store, with a list of what was fetched from it. */
export function countingFetches<T extends Source>(store: T): T & { fetches: Fetch[] } {
  const fetches: Fetch[] = [];
  return overriding(store, {
    fetches,
    fetch(descriptor: Descriptor, options: FetchOptions = {}) {
      fetches.push({ digest: descriptor.digest, start: options.start ?? 0 });
      return store.fetch(descriptor, options);
    },
  });
}

/** Returns a store with some members replaced; the others are those of the original. */
export function overriding<T extends object, M extends object>(store: T, members: M): T & M {
  return new Proxy(store, {
    get(target, key) {
      if (Reflect.has(members, key)) return Reflect.get(members, key);
      const member: unknown = Reflect.get(target, key, target);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  }) as T & M; // the proxy has the members of both
}

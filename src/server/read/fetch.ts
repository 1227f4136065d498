import type { Readable } from 'node:stream';
import type { Descriptor } from '../../content/descriptor.js';
import type { Digest } from '../../content/digest.js';
import { isLadingError } from '../../errors.js';
import { readContent } from '../../store/read-content.js';
import type { FetchOptions, Source } from '../../store/store.js';
import { has } from '../../store/store.js';
import type { Refusal } from '../errors.js';

/**
 * What `resolve` finds, if its bytes are there as well: a sparse index and a name in a damaged layout speak
 * of content that is not. Both absences are answered with `unknown`.
 */
export async function requireStored(
  store: Source,
  resolve: () => Promise<Descriptor>,
  unknown: () => Refusal,
  signal: AbortSignal,
): Promise<Descriptor> {
  const descriptor = await orUnknown(resolve(), unknown);
  if (!(await has(store, descriptor, { signal }))) throw unknown();
  return descriptor;
}

/** A blob of which the digest is known. */
export async function requireBlob(
  store: Source,
  digest: Digest,
  unknown: () => Refusal,
  signal: AbortSignal,
): Promise<Descriptor> {
  const size = await orUnknown(store.sizeOf({ digest }, { signal }), unknown);
  if (size === undefined) throw unknown();
  return { mediaType: 'application/octet-stream', digest, size };
}

/** The bytes of stored content; gone since it was resolved, it is `unknown`. */
export function openStored(
  store: Source,
  descriptor: Descriptor,
  unknown: () => Refusal,
  options: FetchOptions,
): Promise<Readable> {
  return orUnknown(store.fetch(descriptor, options), unknown);
}

/** The verified bytes of a stored document; gone since it was resolved, it is `unknown`. */
export function readStored(
  store: Source,
  descriptor: Descriptor,
  unknown: () => Refusal,
  options: FetchOptions,
): Promise<Buffer> {
  return orUnknown(readContent(store, descriptor, options), unknown);
}

async function orUnknown<T>(promise: Promise<T>, unknown: () => Refusal): Promise<T> {
  try {
    return await promise;
  } catch (error) {
    throw isLadingError(error, 'NOT_FOUND') ? unknown() : error;
  }
}

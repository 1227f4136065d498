import type { Readable } from 'node:stream';
import type { Descriptor } from '../../content/descriptor.js';
import type { Digest } from '../../content/digest.js';
import { isLadingError } from '../../errors.js';
import { readContent } from '../../store/read-content.js';
import type { FetchOptions, Source } from '../../store/store.js';
import { has } from '../../store/store.js';
import type { Refusal } from '../errors.js';

/**
 * Resolves content and checks that its bytes are in the store: a sparse index or a damaged layout may name content that
 * is not. Throws `unknown` in either case.
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

/** Returns the descriptor of a blob in the store; throws `unknown` if it is not there. */
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

/** Opens stored content; throws `unknown` if it was deleted since it was resolved. */
export function openStored(
  store: Source,
  descriptor: Descriptor,
  unknown: () => Refusal,
  options: FetchOptions,
): Promise<Readable> {
  return orUnknown(store.fetch(descriptor, options), unknown);
}

/** Reads and verifies a stored document; throws `unknown` if it was deleted since it was resolved. */
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

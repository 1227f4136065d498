import type { Readable } from 'node:stream';
import type { Descriptor } from '../content/descriptor.js';
import { Gathered } from '../content/gathered.js';
import { isManifest } from '../content/media-types.js';
import { createVerifier, cutShort, tooLong } from '../content/verify.js';
import { ContentError } from '../errors.js';
import { detectMediaType, MAX_MANIFEST_BYTES, verifyManifest } from '../manifest/manifest.js';
import type { FetchOptions, OpenContent, Source } from './store.js';

/**
 * Reads all bytes of small content, and verifies them against its descriptor. Rejects with `TOO_LARGE` before anything
 * is read if the descriptor states more than `maxBytes` (default 4 MiB, the limit of registries for a manifest).
 */
export async function readContent(
  store: Pick<Source, 'fetch'>,
  descriptor: Descriptor,
  options: { maxBytes?: number; signal?: AbortSignal | undefined } = {},
): Promise<Buffer> {
  const { maxBytes = MAX_MANIFEST_BYTES, signal } = options;
  if (descriptor.size > maxBytes) {
    throw new ContentError(
      'TOO_LARGE',
      `${descriptor.digest} has ${descriptor.size} bytes; lading reads at most ${maxBytes} of a document`,
    );
  }
  return readVerified(descriptor, (fetchOptions) => store.fetch(descriptor, fetchOptions), { signal });
}

/**
 * Reads all bytes that `open` returns, and verifies them: a manifest by its own rule (signed schema1), anything else by
 * its hash.
 */
export async function readVerified(
  descriptor: Descriptor,
  open: OpenContent,
  { signal }: FetchOptions = {},
): Promise<Buffer> {
  const body = await open({ signal });
  const bytes = await readAtMost(descriptor, body);
  if (isManifest(descriptor.mediaType)) {
    verifyManifest(descriptor, bytes);
  } else {
    const verifier = createVerifier(descriptor);
    verifier.update(bytes);
    verifier.finish();
  }
  return bytes;
}

/** Reads exactly as many bytes as the descriptor states, without verifying them further. */
export async function readAtMost(descriptor: Descriptor, body: Readable): Promise<Buffer> {
  const gathered = new Gathered();
  for await (const chunk of body as AsyncIterable<Buffer>) {
    gathered.add(chunk);
    if (gathered.bytes > descriptor.size) throw tooLong(descriptor);
  }
  if (gathered.bytes < descriptor.size) throw cutShort(descriptor, gathered.bytes);
  return gathered.takeWhole();
}

/**
 * True if a root on this machine is a blob rather than a manifest: the index of a layout may name any content.
 * (image-spec, image-layout.md, "index.json file")
 */
export async function isBlob(store: Source, root: Descriptor): Promise<boolean> {
  if (isManifest(root.mediaType) || (await store.region?.(root)) === undefined) return false;
  if (root.size > MAX_MANIFEST_BYTES) return true;
  const bytes = await readContent(store, root);
  try {
    detectMediaType(bytes);
    return false;
  } catch (error) {
    if (error instanceof ContentError) return true;
    throw error;
  }
}

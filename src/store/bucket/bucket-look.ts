import type { Digest } from '../../content/digest.js';
import { ContentError } from '../../errors.js';
import { readLayoutIndex } from '../../manifest/layout-documents.js';
import type { S3Client } from '../../s3/client.js';
import { MAX_INDEX_BYTES } from '../layout/layout-index.js';
import { blobDigest } from '../layout/layout-reader.js';
import { type KnownNeeds, Marker, type Root, refuseGaps, rootOf } from '../mark.js';
import type { Amount } from '../prune-report.js';
import { BucketSource } from './bucket-source.js';
import { DEFAULT_GRACE_MS } from './collection-state.js';
import type { BucketKeys } from './keys.js';

/** An object that may be removed, as it was when it was found. */
export interface OldObject {
  key: string;
  size: number;
  /** Milliseconds since 1970, by the service's clock. */
  modified: number;
}

/** What is in a bucket at a moment. */
export interface Found {
  names: number;
  kept: Amount;
  young: Amount;
  /** Blobs that nothing leads to and that are older than the grace. */
  old: (OldObject & { digest: Digest })[];
  /** Attachments without their manifest, and holds of writers that are gone. */
  leftovers: (OldObject & { digest?: Digest })[];
}

export interface LookOptions {
  graceMs: number;
  /** The service's clock. */
  serverTime: number;
  /** Manifests that were read before. */
  known: KnownNeeds;
  signal?: AbortSignal | undefined;
  /** Called often. */
  keep: () => Promise<void>;
}

/**
 * Follows every name, hold and attachment in a bucket, and lists what they do not lead to. Whatever was written before the
 * call is seen. Rejects with `MISSING_CONTENT` if a manifest that is needed cannot be read.
 */
export async function lookAround(
  client: S3Client,
  keys: BucketKeys,
  location: string,
  options: LookOptions,
): Promise<Found> {
  const { graceMs, serverTime, known, signal, keep } = options;
  // A new one, so that no list of names is used again.
  const source = new BucketSource(client, keys, location);
  const marker = new Marker(source, known);
  // Writers give up their holds after they have given names, so one of the two is seen.
  const holds = await holdsIn(source, { ...options, lifetimeMs: Math.max(graceMs, DEFAULT_GRACE_MS) });
  const names = await namedRoots(source, signal);
  const roots = [...names, ...holds.roots];
  await marker.markAll(roots, { signal, before: keep });
  await marker.markAttached(await source.attachments.all(signal), signal);
  refuseGaps(marker.gaps, location);

  const isOld = ({ modified = serverTime }: { modified?: number | undefined }): boolean =>
    serverTime - modified > graceMs;
  const pointers: (OldObject & { digest: Digest })[] = [];
  for await (const object of client.list(keys.attachments(), { signal })) {
    const digest = keys.attachedIn(object.key);
    if (digest !== undefined && isOld(object)) pointers.push({ ...oldObject(object), digest });
  }
  const found: Found = {
    names: names.length,
    kept: { blobs: 0, bytes: 0 },
    young: { blobs: 0, bytes: 0 },
    old: [],
    leftovers: holds.ended,
  };
  const staying = new Set<Digest>();
  for await (const object of client.list(keys.blobs, { signal })) {
    const digest = blobDigest(object.key.slice(keys.prefix.length));
    if (digest === undefined) continue;
    const isNeeded = marker.needed.has(digest);
    if (!isNeeded && isOld(object)) {
      found.old.push({ ...oldObject(object), digest });
      continue;
    }
    staying.add(digest);
    const amount = isNeeded ? found.kept : found.young;
    amount.blobs += 1;
    amount.bytes += object.size;
  }
  await keep();
  found.leftovers.push(...pointers.filter(({ digest }) => !staying.has(digest)));
  return found;
}

/**
 * The names; as long as there are none, or another tool's images are getting theirs, also the entries of its `index.json`.
 * Whether they are is asked before the names are listed: images that get names in between were seen without any by the
 * first of the two looks, or have all of them at the second.
 */
async function namedRoots(source: BucketSource, signal: AbortSignal | undefined): Promise<Root[]> {
  const { client, keys, location, bucketNames } = source;
  let areAdopting = false;
  for await (const { key } of client.list(keys.adoptions, { signal })) areAdopting ||= keys.isAdoption(key);
  const names = await bucketNames.all(signal);
  if (names.length > 0 && !areAdopting) return names.map(({ entry }) => rootOf(entry));
  const { entries, irregular } = await source.entriesWithForeign(signal);
  if (irregular !== undefined)
    throw new ContentError('INVALID_LAYOUT', `${location}: index.json has entries that cannot be read`);
  return entries.map(rootOf);
}

/** What writers need that have not named it yet, and the holds of those that are gone. */
async function holdsIn(
  { client, keys, location }: BucketSource,
  {
    serverTime,
    lifetimeMs,
    signal,
  }: { serverTime: number; lifetimeMs: number; signal?: AbortSignal | undefined },
): Promise<{ roots: Root[]; ended: OldObject[] }> {
  const holds: { roots: Root[]; ended: OldObject[] } = { roots: [], ended: [] };
  for await (const object of client.list(keys.holds, { signal })) {
    const { key, modified = serverTime } = object;
    if (serverTime - modified > lifetimeMs) {
      holds.ended.push(oldObject(object));
      continue;
    }
    const read = await client.read(key, { maxBytes: MAX_INDEX_BYTES, signal });
    if (read === undefined || read === 'unchanged') continue;
    for (const descriptor of readLayoutIndex(read.bytes, `${location}: ${key}`).entries)
      holds.roots.push({ descriptor, name: key, mayBeMissing: true });
  }
  return holds;
}

function oldObject({
  key,
  size,
  modified = 0,
}: {
  key: string;
  size: number;
  modified?: number | undefined;
}): OldObject {
  return { key, size, modified };
}

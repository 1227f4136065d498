import type { Descriptor } from '../../content/descriptor.js';
import type { Digest } from '../../content/digest.js';
import { isNonDistributable } from '../../content/media-types.js';
import { isLadingError } from '../../errors.js';
import { type Manifest, successors } from '../../manifest/manifest.js';
import type { Source } from '../../store/store.js';
import { Refusal } from '../errors.js';

/** More missing parts than these are not looked for: the client knows enough, and a manifest can name 40000. */
const MOST_REPORTED = 100;

export interface PartsOptions {
  /** Whether layers and children may be missing. */
  allowSparse: boolean;
  /** Puts a part that is missing into the store where it can; tells whether it did. */
  keepMade: (digest: Digest) => Promise<boolean>;
  signal: AbortSignal;
  /** Whose turn it is to have parts made. */
  client: string;
}

interface Part {
  digest: Digest;
  /** Unknown of a schema1 manifest's layers. */
  size: number | undefined;
  isManifest: boolean;
  /** Nobody can do without it: the config tells what the image is. */
  isRequired: boolean;
}

export interface FoundParts {
  held: Digest[];
  /** On purpose. */
  absent: Digest[];
}

/**
 * What a manifest points at, by whether it is in the store. Throws a `MANIFEST_BLOB_UNKNOWN` for each part
 * that should be there, and `MANIFEST_INVALID` where a part is not as long as the manifest has it.
 * A subject may come later. (distribution-spec, "Pushing Manifests")
 */
export async function findParts(
  store: Source,
  manifest: Manifest,
  { allowSparse, keepMade, signal }: PartsOptions,
): Promise<FoundParts> {
  const missing: Refusal[] = [];
  const [held, absent]: [Digest[], Digest[]] = [[], []];
  for (const part of partsOf(manifest)) {
    signal.throwIfAborted();
    const isHeld =
      (await holds(store, part, signal)) ||
      ((await keepMade(part.digest)) && (await holds(store, part, signal)));
    if (isHeld) held.push(part.digest);
    else if (allowSparse && !part.isRequired) absent.push(part.digest);
    else
      missing.push(new Refusal('MANIFEST_BLOB_UNKNOWN', 'blob unknown to registry', { detail: part.digest }));
    if (missing.length === MOST_REPORTED) break;
  }
  const [first, ...others] = missing;
  if (first !== undefined) throw new Refusal(first.code, first.message, { detail: first.detail, others });
  return { held, absent };
}

/** Each part once, in the order of the manifest. */
function partsOf(manifest: Manifest): Iterable<Part> {
  const { blobs, manifests, unsized } = successors(manifest);
  const config = 'config' in manifest ? manifest.config : undefined;
  const parts = new Map<string, Part>();
  for (const blob of blobs) {
    if (isElsewhere(blob)) continue;
    const { digest, size } = blob;
    parts.set(`${digest} ${size}`, { digest, size, isManifest: false, isRequired: blob === config });
  }
  for (const { digest, size } of manifests)
    parts.set(`${digest} ${size}`, { digest, size, isManifest: true, isRequired: false });
  for (const digest of unsized)
    parts.set(digest, { digest, size: undefined, isManifest: false, isRequired: false });
  return parts.values();
}

/** A foreign layer, which stays with its owner. */
function isElsewhere({ mediaType, urls = [] }: Descriptor): boolean {
  return isNonDistributable(mediaType) && urls.length > 0;
}

async function holds(store: Source, part: Part, signal: AbortSignal): Promise<boolean> {
  const { digest, size, isManifest } = part;
  try {
    const wanted = isManifest ? await store.resolve(digest, { signal }) : { digest };
    const held = await store.sizeOf(wanted, { signal });
    if (held === undefined) return false;
    if (size !== undefined && held !== size) throw otherSize(part, held);
    return true;
  } catch (error) {
    if (isLadingError(error, 'NOT_FOUND')) return false;
    throw error;
  }
}

function otherSize({ digest, size }: Part, actual: number): Refusal {
  return new Refusal('MANIFEST_INVALID', `${digest} has ${actual} bytes; the manifest says ${size}`, {
    detail: digest,
  });
}

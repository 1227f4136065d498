import type { Descriptor } from '../../content/descriptor.js';
import type { Digest } from '../../content/digest.js';
import { isNonDistributable } from '../../content/media-types.js';
import { isLadingError } from '../../errors.js';
import { type Manifest, successors } from '../../manifest/manifest.js';
import type { Source } from '../../store/store.js';
import { Refusal } from '../errors.js';

/** Maximum number of missing parts to report: a manifest can name 40000, and these tell the client enough. */
const MOST_REPORTED = 100;

export interface PartsOptions {
  /** Whether layers and children may be missing. */
  allowSparse: boolean;
  /** Stores a missing part if it was converted here; returns whether it did. */
  keepMade: (digest: Digest) => Promise<boolean>;
  signal: AbortSignal;
  /** The client whose turn the conversion takes. */
  client: string;
}

interface Part {
  digest: Digest;
  /** Undefined for the layers of a schema1 manifest. */
  size: number | undefined;
  isManifest: boolean;
  /** Whether it is required even if the manifest is sparse, as the config is: it describes the image. */
  isRequired: boolean;
}

export interface FoundParts {
  held: Digest[];
  /** Parts that are missing but allowed to be. */
  absent: Digest[];
}

/**
 * Returns the parts of a manifest, by whether the store has them. Throws `MANIFEST_BLOB_UNKNOWN` with each required
 * part that is missing, and `MANIFEST_INVALID` if a part has another size than the manifest says. The subject may be
 * pushed later. (distribution-spec, "Pushing Manifests")
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

/** Returns each part once, in the order of the manifest. */
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

/** Whether this is a foreign layer, which is fetched from its own URL. */
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

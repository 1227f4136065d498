import { absentOf } from '../content/annotations.js';
import type { Descriptor } from '../content/descriptor.js';
import { algorithmOf, type Digest } from '../content/digest.js';
import { isManifest, isNonDistributable } from '../content/media-types.js';
import { type ErrorCode, isLadingError } from '../errors.js';
import { hashRegions } from '../hashing/hashing.js';
import { verifySchema1Signatures } from '../manifest/docker-schema1-signature.js';
import { type Manifest, parseManifest, successors } from '../manifest/manifest.js';
import type { ImageFiles } from '../store/image-files.js';
import { entryName } from '../store/layout-index.js';
import { readContent } from '../store/read-content.js';
import type { VerifyOptions, VerifyResult } from './verify.js';

/** Something that is not as it should be. */
export interface Finding {
  code: ErrorCode;
  digest?: string;
  path?: string;
  message: string;
}

/** A manifest that was read. */
export interface VerifiedDocument {
  kind: Manifest['format'];
  digest: Digest;
  mediaType: string;
}

/**
 * Follows every entry of the index to everything it names, then hashes every blob that is there, whether
 * something names it or not.
 */
export async function verifyLayout(store: ImageFiles, options: VerifyOptions): Promise<VerifyResult> {
  const walk = new GraphWalk(store);
  for (const entry of store.indexEntries) {
    await walk.visit(entry, { image: entryName(entry) ?? entry.digest, absent: absentOf(entry) });
    options.signal?.throwIfAborted();
  }
  const hashed = await hashBlobs(store, walk.verified, options);
  const findings = [...walk.findings, ...hashed.findings];
  const manifestBytes = [...walk.verified.values()].reduce((sum, size) => sum + size, 0);
  return {
    ok: findings.length === 0,
    checked: { manifests: walk.documents.length, blobs: hashed.blobs, bytes: hashed.bytes + manifestBytes },
    documents: walk.documents,
    findings,
  };
}

interface Place {
  /** The image that needs what is looked at. */
  image: string;
  /** What the image leaves out on purpose. */
  absent: readonly Digest[];
}

class GraphWalk {
  readonly findings: Finding[] = [];
  readonly documents: VerifiedDocument[] = [];
  /** Manifests whose digest was checked, with their sizes. */
  readonly verified = new Map<Digest, number>();
  readonly #seen = new Set<string>();
  readonly #store: ImageFiles;

  constructor(store: ImageFiles) {
    this.#store = store;
  }

  async visit(descriptor: Descriptor, place: Place): Promise<void> {
    // The same content under another size or type is another claim, to be checked on its own.
    const claim = `${descriptor.digest} ${descriptor.size} ${descriptor.mediaType}`;
    if (this.#seen.has(claim) || place.absent.includes(descriptor.digest)) return;
    this.#seen.add(claim);
    if (!(await this.#isThere(descriptor, place)) || !isManifest(descriptor.mediaType)) return;
    const manifest = await this.#read(descriptor, place);
    if (manifest === undefined) return;
    const { manifests, blobs, unsized } = successors(manifest);
    for (const child of [...manifests, ...blobs]) await this.visit(child, place);
    for (const digest of unsized) await this.#requireBlob(digest, place);
  }

  async #read(descriptor: Descriptor, { image }: Place): Promise<Manifest | undefined> {
    try {
      const bytes = await readContent(this.#store, descriptor);
      this.verified.set(descriptor.digest, descriptor.size);
      const manifest = parseManifest(bytes, descriptor);
      if (manifest.format === 'docker-schema1' && manifest.signed)
        verifySchema1Signatures(bytes, descriptor.digest);
      this.documents.push({
        kind: manifest.format,
        digest: descriptor.digest,
        mediaType: descriptor.mediaType,
      });
      return manifest;
    } catch (error) {
      if (!isLadingError(error)) throw error;
      this.#found(error.code, descriptor.digest, `${error.message} (needed by ${image})`);
      this.verified.set(descriptor.digest, descriptor.size); // found once is enough: hashing would only say it again
      return undefined;
    }
  }

  async #isThere({ digest, size, mediaType, urls = [] }: Descriptor, { image }: Place): Promise<boolean> {
    const actual = await this.#sizeOf(digest);
    if (actual === size) return true;
    if (actual === undefined) {
      if (isNonDistributable(mediaType) && urls.length > 0) return false;
      this.#found('MISSING_CONTENT', digest, `${digest} (${mediaType}) is missing; ${image} needs it`);
    } else {
      this.#found('SIZE_MISMATCH', digest, `${digest} has ${actual} bytes, ${image} says ${size}`);
    }
    return false;
  }

  async #requireBlob(digest: Digest, { image }: Place): Promise<void> {
    if ((await this.#sizeOf(digest)) === undefined)
      this.#found('MISSING_CONTENT', digest, `${digest} is missing; ${image} needs it`);
  }

  async #sizeOf(digest: Digest): Promise<number | undefined> {
    try {
      return (await this.#store.resolveBlob(digest)).size;
    } catch (error) {
      if (isLadingError(error, 'NOT_FOUND')) return undefined;
      throw error;
    }
  }

  #found(code: ErrorCode, digest: Digest, message: string): void {
    this.findings.push({ code, digest, path: this.#store.pathOf(digest), message });
  }
}

async function hashBlobs(
  store: ImageFiles,
  verified: ReadonlyMap<Digest, number>,
  { concurrency, signal, onHashed }: VerifyOptions,
): Promise<{ findings: Finding[]; blobs: number; bytes: number }> {
  const requests = [];
  for await (const { digest, path, region } of store.blobs()) {
    if (!verified.has(digest)) requests.push({ digest, path, region, algorithm: algorithmOf(digest) });
  }
  const totalBytes = requests.reduce((sum, { region }) => sum + region.size, 0);
  const findings: Finding[] = [];
  await hashRegions(
    requests,
    ({ digest, path, algorithm }, hex) => {
      if (`${algorithm}:${hex}` === digest) return;
      const message = `${digest} has other content: its digest is ${algorithm}:${hex}`;
      findings.push({ code: 'DIGEST_MISMATCH', digest, path, message });
    },
    { threads: concurrency, signal, onHashed: (bytes) => onHashed?.(bytes, totalBytes) },
  );
  return { findings, blobs: requests.length, bytes: totalBytes };
}

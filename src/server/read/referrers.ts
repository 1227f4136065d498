import { setImmediate as turn } from 'node:timers/promises';
import { fittingAnnotations, MAX_LISTED_ANNOTATION_BYTES } from '../../content/annotations.js';
import type { Descriptor } from '../../content/descriptor.js';
import type { Digest } from '../../content/digest.js';
import { MEDIA_TYPE } from '../../content/media-types.js';
import { path } from '../../registry/protocol.js';
import type { Source } from '../../store/store.js';
import { type Answer, type Asked, jsonAnswer } from '../answer.js';
import { fittingIn, linkTo } from './pagination.js';

/** Number of entries after which other requests get a turn. */
const ENTRIES_IN_TURN = 1000;

export interface ReferrersOptions {
  /** The repository, and the digest of the subject. */
  repository: string;
  digest: Digest;
  /** Maximum size of a page's entries in bytes; a page has at least one entry. */
  maxPageBytes: number;
}

/**
 * Answers GET of the referrers of a manifest with an OCI index, which is empty if there are none, or if the manifest or
 * the repository does not exist. Referrers are sorted by digest; a Link header leads to the next page. Annotations
 * beyond 16 KiB are left out; they are in the manifest itself. (distribution-spec, "Listing Referrers")
 */
export async function listReferrers(
  store: Source | undefined,
  { repository, digest, maxPageBytes }: ReferrersOptions,
  asked: Asked,
): Promise<Answer> {
  const artifactType = asked.query.get('artifactType');
  const last = asked.query.get('last');
  const following: Descriptor[] = [];
  let seen = 0;
  for await (const { descriptor, tag } of store?.referrers(subjectOf(digest), asked) ?? []) {
    seen += 1;
    if (seen % ENTRIES_IN_TURN === 0) await turn();
    if (tag !== undefined) continue; // attached by cosign's convention; clients find it by this tag
    if (artifactType !== null && descriptor.artifactType !== artifactType) continue;
    if (last === null || descriptor.digest > last) following.push(descriptor);
  }
  following.sort((a, b) => (a.digest < b.digest ? -1 : 1));
  const { manifests, final } = pageOf(following, maxPageBytes);
  const next = new URLSearchParams({
    ...(artifactType !== null && { artifactType }),
    ...(final !== undefined && { last: final }),
  });
  const isLast = manifests.length === following.length;
  return jsonAnswer(
    { schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests },
    {
      headers: {
        'Content-Type': MEDIA_TYPE.ociIndex,
        ...(artifactType === null ? {} : { 'OCI-Filters-Applied': 'artifactType' }),
        ...(isLast ? {} : linkTo(path.referrers(repository, digest), next)),
      },
    },
  );
}

function pageOf(
  descriptors: readonly Descriptor[],
  maxBytes: number,
): { manifests: Descriptor[]; final: Digest | undefined } {
  // Entries are made only for this page, because there may be a hundred thousand.
  const made = new Map<Descriptor, Descriptor>();
  const page = fittingIn(maxBytes, descriptors, (descriptor) => {
    const entry = referrerEntry(descriptor);
    made.set(descriptor, entry);
    return Buffer.byteLength(JSON.stringify(entry)) + 1;
  });
  return { manifests: page.map((each) => made.get(each) ?? each), final: page.at(-1)?.digest };
}

/**
 * Returns a descriptor for a subject, which need not be stored here: only its digest matters, type and size are not
 * known.
 */
function subjectOf(digest: Digest): Descriptor {
  return { mediaType: MEDIA_TYPE.ociManifest, digest, size: 0 };
}

/** Returns an entry with only the members that the specification names. */
function referrerEntry({ mediaType, digest, size, artifactType, annotations }: Descriptor): Descriptor {
  const fitting = fittingAnnotations(annotations, MAX_LISTED_ANNOTATION_BYTES);
  return {
    mediaType,
    digest,
    size,
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(fitting === undefined ? {} : { annotations: fitting }),
  };
}

import { setImmediate as turn } from 'node:timers/promises';
import { fittingAnnotations, MAX_LISTED_ANNOTATION_BYTES } from '../../content/annotations.js';
import type { Descriptor } from '../../content/descriptor.js';
import type { Digest } from '../../content/digest.js';
import { MEDIA_TYPE } from '../../content/media-types.js';
import { path } from '../../registry/protocol.js';
import type { Source } from '../../store/store.js';
import { type Answer, type Asked, jsonAnswer } from '../answer.js';
import { fittingIn, linkTo } from './pagination.js';

/** After so many, other requests have their turn. */
const ENTRIES_IN_TURN = 1000;

export interface ReferrersOptions {
  /** Whose referrers, and in which repository. */
  repository: string;
  digest: Digest;
  /** Bytes of a page's entries; one entry is in every page. */
  maxPageBytes: number;
}

/**
 * GET of what is attached to a manifest, as an OCI index; empty when there is nothing, no such manifest, or no store.
 * In the order of digests, page by page: a Link header leads to the next. Annotations beyond 16 KiB are left to the
 * manifest itself. (distribution-spec, "Listing Referrers")
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
    if (tag !== undefined) continue; // by cosign's convention: the client finds it by that tag
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
  // Only those of the page are made: there may be a hundred thousand.
  const made = new Map<Descriptor, Descriptor>();
  const page = fittingIn(maxBytes, descriptors, (descriptor) => {
    const entry = referrerEntry(descriptor);
    made.set(descriptor, entry);
    return Buffer.byteLength(JSON.stringify(entry)) + 1;
  });
  return { manifests: page.map((each) => made.get(each) ?? each), final: page.at(-1)?.digest };
}

/** Only the digest says what referrers belong to, and the subject itself need not be here: type and size are not known. */
function subjectOf(digest: Digest): Descriptor {
  return { mediaType: MEDIA_TYPE.ociManifest, digest, size: 0 };
}

/** The members that the specification names for the entries of the list. */
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

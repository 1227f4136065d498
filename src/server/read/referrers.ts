import type { Descriptor } from '../../content/descriptor.js';
import type { Digest } from '../../content/digest.js';
import { MEDIA_TYPE } from '../../content/media-types.js';
import type { ReadonlyStore } from '../../store/store.js';
import { type Answer, type Asked, jsonAnswer } from '../answer.js';

/**
 * GET of what is attached to a manifest, as an OCI index; empty when there is nothing, no such manifest, or no store.
 * (distribution-spec, "Listing Referrers")
 */
export async function listReferrers(
  store: ReadonlyStore | undefined,
  subject: Digest,
  asked: Asked,
): Promise<Answer> {
  const artifactType = asked.query.get('artifactType');
  const manifests: Descriptor[] = [];
  for await (const { descriptor, tag } of store?.referrers(subjectOf(subject), asked) ?? []) {
    if (tag !== undefined) continue; // by cosign's convention: the client finds it by that tag
    if (artifactType !== null && descriptor.artifactType !== artifactType) continue;
    manifests.push(referrerEntry(descriptor));
  }
  return jsonAnswer(
    { schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests },
    {
      headers: {
        'Content-Type': MEDIA_TYPE.ociIndex,
        ...(artifactType === null ? {} : { 'OCI-Filters-Applied': 'artifactType' }),
      },
    },
  );
}

/** Only the digest says what referrers belong to, and the subject itself need not be here: type and size are not known. */
function subjectOf(digest: Digest): Descriptor {
  return { mediaType: MEDIA_TYPE.ociManifest, digest, size: 0 };
}

/** The members that the specification names for the entries of the list. */
function referrerEntry({ mediaType, digest, size, artifactType, annotations }: Descriptor): Descriptor {
  return {
    mediaType,
    digest,
    size,
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(annotations === undefined ? {} : { annotations }),
  };
}

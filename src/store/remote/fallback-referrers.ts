import { type Descriptor, plainDescriptor } from '../../content/descriptor.js';
import { algorithmOf, type Digest, digestOf } from '../../content/digest.js';
import { MEDIA_TYPE } from '../../content/media-types.js';
import { referrersTag } from '../../content/names.js';
import { isLadingError, LadingError, RegistryError } from '../../errors.js';
import { createTurns } from '../../in-turn.js';
import { detectMediaType, type Manifest, manifestDigest, parseManifest } from '../../manifest/manifest.js';
import type { RegistryClient, RepositoryName } from '../../registry/client.js';
import { isRetryable } from '../../retry.js';
import { attachedTo } from '../attached.js';

/** How many times to write the list again after another writer has overwritten it. */
const MAX_WRITES = 5;

const turnsOf = new WeakMap<RegistryClient, ReturnType<typeof createTurns<string>>>();

/**
 * Lists a manifest under the tag of its subject's referrers, for a registry that does not list referrers itself.
 * (distribution-spec, "Pushing Manifests with Subject" and "Referrers Tag Schema")
 */
export async function listUnderFallbackTag(
  client: RegistryClient,
  name: RepositoryName,
  subject: Digest,
  referrer: Descriptor,
  signal?: AbortSignal | undefined,
): Promise<void> {
  const turns = turnsOf.get(client) ?? createTurns<string>();
  turnsOf.set(client, turns);
  const tag = referrersTag(subject);
  await turns(`${name.registry}/${name.repository}:${tag}`, async () => {
    for (let writes = 0; writes <= MAX_WRITES; writes += 1) {
      const { digests, document, isSubject } = await readList(client, name, tag, subject, signal);
      if (digests.has(referrer.digest)) return;
      // If the registry still answers with the subject after the tag was written, it always will.
      if (isSubject && writes > 0) throw takenForSubject(name, tag);
      const list = {
        ...document,
        mediaType: MEDIA_TYPE.ociIndex,
        manifests: [...document.manifests, referrer],
      };
      const bytes = Buffer.from(JSON.stringify(list));
      // No retries here: the whole push is repeated after a transient failure.
      await client.putManifest(name, tag, { mediaType: MEDIA_TYPE.ociIndex, bytes }, { signal, retries: 0 });
    }
    throw new LadingError(
      'REGISTRY',
      `${name.registry}/${name.repository}: the tag "${tag}" is overwritten again and again`,
      { hint: 'Something else writes to the repository at the same time; run the command again.' },
    );
  });
}

/** Returns the entry of a manifest in the list of referrers, with its kind and annotations. */
export function referrerDescriptor(descriptor: Descriptor, manifest: Manifest): Descriptor {
  const attached = attachedTo(plainDescriptor(descriptor), manifest);
  const annotations = 'annotations' in manifest ? manifest.annotations : undefined;
  return {
    ...(attached?.referrer.descriptor ?? plainDescriptor(descriptor)),
    ...(annotations === undefined ? {} : { annotations }),
  };
}

interface ReferrersList {
  digests: ReadonlySet<Digest>;
  /** The list as it was written, so that its other members are kept. */
  document: ListDocument;
  /** True if the registry answered with the subject, because it takes the tag for the subject's digest. (GitLab) */
  isSubject: boolean;
}

interface ListDocument {
  schemaVersion?: number;
  mediaType?: string;
  manifests: unknown[];
}

async function readList(
  client: RegistryClient,
  name: RepositoryName,
  tag: string,
  subject: Digest,
  signal: AbortSignal | undefined,
): Promise<ReferrersList> {
  let bytes: Buffer;
  let mediaType: string;
  try {
    const answer = await client.getManifest(name, tag, { signal, order: 'registry only', retries: 0 });
    bytes = answer.bytes;
    mediaType = detectMediaType(bytes, answer.mediaType);
  } catch (error) {
    if (!isLadingError(error, 'NOT_FOUND')) throw error;
    return emptyList(false);
  }
  const isSubject = manifestDigest(bytes, mediaType, algorithmOf(subject)) === subject;
  if (isSubject && !(await hasTag(client, name, tag, signal))) return emptyList(true);
  if (mediaType !== MEDIA_TYPE.ociIndex) {
    throw new LadingError(
      'ALREADY_EXISTS',
      `${name.registry}/${name.repository}: the tag "${tag}" is an image, but must be the list of referrers`,
      {
        hint: 'Give that image another tag and remove this one, or leave attachments out.',
        remedy: 'referrers',
      },
    );
  }
  const list = parseManifest(bytes, { mediaType, digest: digestOf(bytes) });
  if (list.format !== 'oci-index') throw new Error('an index is parsed as one');
  return {
    digests: new Set(list.manifests.map(({ digest }) => digest)),
    // parseManifest() has checked that it has a list of descriptors
    document: JSON.parse(bytes.toString('utf8')) as ListDocument,
    isSubject: false,
  };
}

/**
 * Only the list of tags can show whether a tag exists, or was taken for a digest. A registry without that list counts
 * as not having the tag.
 */
async function hasTag(
  client: RegistryClient,
  name: RepositoryName,
  tag: string,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  try {
    for await (const listed of client.listTags(name, { signal, retries: 0 })) if (listed === tag) return true;
    return false;
  } catch (error) {
    if (error instanceof RegistryError && !isRetryable(error)) return false;
    throw error;
  }
}

function emptyList(isSubject: boolean): ReferrersList {
  const document = { schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests: [] };
  return { digests: new Set(), document, isSubject };
}

function takenForSubject({ registry, repository }: RepositoryName, tag: string): LadingError {
  return new LadingError(
    'REGISTRY',
    `${registry}/${repository}: the registry takes the tag "${tag}" for a digest, so it cannot hold a list of referrers`,
    { hint: 'Signatures, SBOMs and other attachments can be left out.', remedy: 'referrers' },
  );
}

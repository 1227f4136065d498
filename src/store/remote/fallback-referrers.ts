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

/** Others may write the list at the same time; whoever was overwritten writes again. */
const MAX_WRITES = 5;

const turnsOf = new WeakMap<RegistryClient, ReturnType<typeof createTurns<string>>>();

/**
 * Lists a manifest under the tag of its subject's referrers, for a registry that does not list it by itself.
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
      // Where its own tag was written, a registry that still answers with the subject will always do so.
      if (isSubject && writes > 0) throw takenForSubject(name, tag);
      const list = {
        ...document,
        mediaType: MEDIA_TYPE.ociIndex,
        manifests: [...document.manifests, referrer],
      };
      const bytes = Buffer.from(JSON.stringify(list));
      // The push that this belongs to is repeated as a whole where something passes.
      await client.putManifest(name, tag, { mediaType: MEDIA_TYPE.ociIndex, bytes }, { signal, retries: 0 });
    }
    throw new LadingError(
      'REGISTRY',
      `${name.registry}/${name.repository}: the tag "${tag}" does not keep what is written to it`,
      { hint: 'Something else writes to the repository at the same time; run the command again.' },
    );
  });
}

/** What such a list says of a manifest: beside its name, its kind and annotations. */
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
  /** As it was written, so that what else it says is kept. */
  document: ListDocument;
  /** Whether the registry answered with the subject, whose digest it takes the tag for. (GitLab) */
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
      `${name.registry}/${name.repository}: the tag "${tag}" holds an image where the list of referrers belongs`,
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
    document: JSON.parse(bytes.toString('utf8')) as ListDocument, // parsing has found a list of descriptors in it
    isSubject: false,
  };
}

/** Only the list of tags tells a tag from a digest that is taken for one. A registry without such a list has none. */
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
    `${registry}/${repository}: the registry takes the tag "${tag}" for a digest, so that no list of referrers can stand there`,
    { hint: 'Signatures, SBOMs and other attachments can be left out.', remedy: 'referrers' },
  );
}

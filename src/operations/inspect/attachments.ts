import { attestedDigest } from '../../content/annotations.js';
import type { Descriptor } from '../../content/descriptor.js';
import { type Digest, isDigest } from '../../content/digest.js';
import { isManifest } from '../../content/media-types.js';
import { ContentError, isLadingError } from '../../errors.js';
import { attachedIn } from '../../graph/attached.js';
import { parseManifest, successors } from '../../manifest/manifest.js';
import { readContent } from '../../store/read-content.js';
import type { Referrer, SignalOption, Source } from '../../store/store.js';
import type { Summary } from './summary.js';

/** A signature, an SBOM, an attestation or anything else that is attached to an image. */
export interface Attachment {
  digest: Digest;
  /** The manifest that it is attached to: that of the image, or of one of its platforms. */
  subject: Digest;
  /** What it is, if its type or its tag says so. */
  kind?: 'signature' | 'attestation' | 'SBOM';
  artifactType?: string;
  /** The tag that attaches it, if it is attached by cosign's naming convention. */
  tag?: string;
  /** Bytes of its manifest and of everything that this names; absent if the manifest was not read. */
  size?: number;
}

export interface AttachmentOptions extends SignalOption {
  /** Read the manifests of the attachments for their sizes; default false. */
  sizes?: boolean | undefined;
}

/**
 * Returns what is attached to the manifests of the image called `name`, in their order: what refers to them, and the
 * attestations in its index.
 */
export async function attachmentsOf(
  store: Source,
  { manifests, attestations }: Pick<Summary, 'manifests' | 'attestations'>,
  name: string,
  options: AttachmentOptions = {},
): Promise<Attachment[]> {
  const found: Attachment[] = [];
  const add = async (descriptor: Descriptor, subject: Digest, more: Partial<Attachment>): Promise<void> => {
    const size = options.sizes ? await sizeOf(store, descriptor, options) : undefined;
    found.push({
      ...attachment(descriptor, subject, more.tag),
      ...more,
      ...(size !== undefined && { size }),
    });
  };
  for (const manifest of manifests) {
    const referrers: Referrer[] = [];
    for await (const referrer of store.referrers(manifest, options)) referrers.push(referrer);
    for (const { descriptor, tag } of attachedIn(referrers, name))
      await add(descriptor, manifest.digest, tag === undefined ? {} : { tag });
  }
  for (const descriptor of attestations) {
    const subject = attestedDigest(descriptor) ?? '';
    if (isDigest(subject)) await add(descriptor, subject, { kind: 'attestation' });
  }
  return found;
}

/** Returns undefined for an attachment that cannot be read: the image is fine without it. */
async function sizeOf(
  store: Source,
  descriptor: Descriptor,
  { signal }: SignalOption,
): Promise<number | undefined> {
  if (!isManifest(descriptor.mediaType)) return descriptor.size;
  try {
    const { blobs } = successors(parseManifest(await readContent(store, descriptor, { signal }), descriptor));
    return blobs.reduce((sum, { size }) => sum + size, descriptor.size);
  } catch (error) {
    if (error instanceof ContentError || isLadingError(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}

function attachment(descriptor: Descriptor, subject: Digest, tag?: string): Attachment {
  const { digest, artifactType } = descriptor;
  const kind = kindOf(descriptor, tag);
  return {
    digest,
    subject,
    ...(kind !== undefined && { kind }),
    ...(artifactType !== undefined && { artifactType }),
    ...(tag !== undefined && { tag }),
  };
}

/** cosign writes the type of what a bundle signs here. (sigstore/cosign, specs/BUNDLE_SPEC.md) */
const PREDICATE_TYPE = 'dev.sigstore.bundle.predicateType';

const KINDS: readonly [kind: NonNullable<Attachment['kind']>, pattern: RegExp][] = [
  ['SBOM', /\.sbom$|sbom|spdx|cyclonedx/i],
  ['signature', /\.sig$|\.sig\.|signature|cosign\/sign\/|simplesigning/i],
  ['attestation', /\.att$|attestation|in-toto|slsa|provenance/i],
];

function kindOf({ artifactType = '', annotations = {} }: Descriptor, tag?: string): Attachment['kind'] {
  const isBundle = artifactType.startsWith('application/vnd.dev.sigstore.bundle');
  const words = tag ?? (isBundle ? (annotations[PREDICATE_TYPE] ?? '') : artifactType);
  const known = KINDS.find(([, pattern]) => pattern.test(words))?.[0];
  // A bundle with a predicate is an attestation, whatever it says; one without is a plain signature.
  return known ?? (isBundle ? (words === '' ? 'signature' : 'attestation') : undefined);
}

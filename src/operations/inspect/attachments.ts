import type { Descriptor } from '../../content/descriptor.js';
import { type Digest, isDigest } from '../../content/digest.js';
import { attachedIn } from '../../graph/attached.js';
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
}

/**
 * Returns what is attached to the manifests of the image called `name`, in their order: what refers to them, and the
 * attestations in its index.
 */
export async function attachmentsOf(
  store: Source,
  { manifests, attestations }: Pick<Summary, 'manifests' | 'attestations'>,
  name: string,
  options: SignalOption = {},
): Promise<Attachment[]> {
  const found: Attachment[] = [];
  for (const manifest of manifests) {
    const referrers: Referrer[] = [];
    for await (const referrer of store.referrers(manifest, options)) referrers.push(referrer);
    for (const { descriptor, tag } of attachedIn(referrers, name))
      found.push(attachment(descriptor, manifest.digest, tag));
  }
  for (const { descriptor, subject } of attestations)
    if (isDigest(subject)) found.push({ ...attachment(descriptor, subject), kind: 'attestation' });
  return found;
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

import type { Descriptor } from './descriptor.js';
import { type Digest, isDigest } from './digest.js';
import { ownText } from './own-text.js';
import { isRepository } from './reference.js';

/** Names of the annotations that lading reads and writes on the entries of `index.json` and of other indexes. */
export const ANNOTATION = {
  /** image-spec, annotations.md. */
  refName: 'org.opencontainers.image.ref.name',
  /** The full name, as containerd writes and reads it. (containerd, images/annotations.go) */
  containerdName: 'io.containerd.image.name',
  /** Marks an entry as attached to another manifest; importers keep its content, but create no image from it. */
  containerdSubject: 'io.containerd.manifest.subject',
  /**
   * The kind of an entry that has no platform; the only value is `attestation-manifest`. (buildkit,
   * attestation-storage.md)
   */
  dockerReferenceType: 'vnd.docker.reference.type',
  /** The digest of the entry that an attestation describes. */
  dockerReferenceDigest: 'vnd.docker.reference.digest',
  /** The digest of the image that this one was converted from; set if the original is kept next to it. */
  convertedFrom: 'dev.lading.converted.from',
  /** Digests of an index's children that were left out on purpose, separated by commas. */
  absent: 'dev.lading.index.absent',
  /** Repositories of a registry that hold the manifest under its digest without a tag, separated by commas. */
  repositories: 'dev.lading.repositories',
  /**
   * Manifests that were deleted from a repository while this entry still needs them: `REPOSITORY@DIGEST`, separated by
   * commas.
   */
  deleted: 'dev.lading.deleted',
} as const;

/** Returns the digests of the entry's children that were left out on purpose; skips text that is not a digest. */
export function absentOf({ annotations = {} }: Descriptor): Digest[] {
  return (annotations[ANNOTATION.absent] ?? '').split(',').filter((digest) => isDigest(digest));
}

/**
 * Returns the descriptor with an annotation that lists the children left out on purpose; unchanged if `absent` is
 * empty.
 */
export function withAbsent(descriptor: Descriptor, absent: readonly Digest[]): Descriptor {
  if (absent.length === 0) return descriptor;
  return { ...descriptor, annotations: { ...descriptor.annotations, [ANNOTATION.absent]: absent.join(',') } };
}

/** Returns the repositories in which the entry's manifest can be pulled by digest, according to its annotation. */
export function repositoriesOf({ annotations }: Descriptor): string[] {
  const noted = annotations?.[ANNOTATION.repositories];
  return noted === undefined ? [] : noted.split(',').filter((name) => isRepository(name));
}

/** Returns the descriptor with its list of repositories replaced by `repositories`. */
export function withRepositories(descriptor: Descriptor, repositories: readonly string[]): Descriptor {
  return withNote(descriptor, ANNOTATION.repositories, repositories);
}

/** Sets the annotation `name` to the sorted, distinct values; removes it if there are no values. */
function withNote(descriptor: Descriptor, name: string, values: readonly string[]): Descriptor {
  const { annotations = {}, ...plain } = descriptor;
  const { [name]: _, ...others } = annotations;
  if (values.length === 0)
    return Object.keys(others).length === 0 ? plain : { ...plain, annotations: others };
  return { ...plain, annotations: { ...others, [name]: [...new Set(values)].sort().join(',') } };
}

/** A manifest that was deleted from a repository. */
export interface DeletedManifest {
  repository: string;
  digest: Digest;
}

/** Returns the manifests that were deleted from a repository by digest although this entry still needs them. */
export function deletedOf({ annotations }: Descriptor): DeletedManifest[] {
  const noted = annotations?.[ANNOTATION.deleted];
  return (noted?.split(',') ?? []).flatMap((pair) => {
    const at = pair.indexOf('@');
    const [repository, digest] = [pair.slice(0, at), pair.slice(at + 1)];
    return at > 0 && isRepository(repository) && isDigest(digest) ? [{ repository, digest }] : [];
  });
}

/** Returns the descriptor with its list of deleted manifests replaced by `deleted`. */
export function withDeleted(descriptor: Descriptor, deleted: readonly DeletedManifest[]): Descriptor {
  const pairs = deleted.map(({ repository, digest }) => `${repository}@${digest}`);
  return withNote(descriptor, ANNOTATION.deleted, pairs);
}

/**
 * Limit for the annotations that are kept and listed for each attachment of an image. A signature has about 300 bytes.
 */
export const MAX_LISTED_ANNOTATION_BYTES = 16 * 1024;

/**
 * Returns the annotations that fit into `maxBytes` of JSON, in their order, or undefined if none fits. The texts are
 * copied (see `ownText`). The manifest still has the ones that are dropped here.
 */
export function fittingAnnotations(
  annotations: Readonly<Record<string, string>> | undefined,
  maxBytes: number,
): Record<string, string> | undefined {
  let left = maxBytes;
  const fitting: [name: string, value: string][] = [];
  for (const name in annotations) {
    if (left < MEMBER_BYTES) break; // a hostile manifest may have 200,000 of them
    const value = annotations[name] ?? '';
    const bytes = Buffer.byteLength(name) + Buffer.byteLength(value) + MEMBER_BYTES;
    if (bytes > left) continue;
    left -= bytes;
    fitting.push([ownText(name), ownText(value)]);
  }
  return fitting.length === 0 ? undefined : Object.fromEntries(fitting);
}

/** Four quotes, a colon and a comma. */
const MEMBER_BYTES = 6;

/**
 * Returns the digest of the index entry that this attestation describes ('' if the annotation is missing), or undefined
 * if the descriptor is not an attestation.
 */
export function attestedDigest({ annotations = {} }: Descriptor): string | undefined {
  return annotations[ANNOTATION.dockerReferenceType] === undefined
    ? undefined
    : (annotations[ANNOTATION.dockerReferenceDigest] ?? '');
}

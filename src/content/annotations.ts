import type { Descriptor } from './descriptor.js';
import { type Digest, isDigest } from './digest.js';
import { ownText } from './own-text.js';
import { isRepository } from './reference.js';

/** Annotations that say what an entry of a layout's `index.json`, or of an index, is. */
export const ANNOTATION = {
  /** image-spec, annotations.md. */
  refName: 'org.opencontainers.image.ref.name',
  /** The full name, as containerd writes and reads it. (containerd, images/annotations.go) */
  containerdName: 'io.containerd.image.name',
  /** Marks an entry as attached to another manifest; importers keep it as content and make no image of it. */
  containerdSubject: 'io.containerd.manifest.subject',
  /** What an entry without a platform of its own is; `attestation-manifest` is the only value. (buildkit, attestation-storage.md) */
  dockerReferenceType: 'vnd.docker.reference.type',
  /** The digest of the entry that an attestation describes. */
  dockerReferenceDigest: 'vnd.docker.reference.digest',
  /** The digest that an image was converted from, where the original is kept beside it. */
  convertedFrom: 'dev.lading.converted.from',
  /** Digests of an index's children that are absent on purpose, joined by commas. */
  absent: 'dev.lading.index.absent',
  /** Repositories of a registry that hold a manifest by its digest, joined by commas, where no tag says so. */
  repositories: 'dev.lading.repositories',
  /** `REPOSITORY@DIGEST`, joined by commas: manifests under an entry that were deleted in a repository, and that the entry still needs. */
  deleted: 'dev.lading.deleted',
} as const;

/** The digests of an entry's children that were left out on purpose. */
export function absentOf({ annotations = {} }: Descriptor): Digest[] {
  return (annotations[ANNOTATION.absent] ?? '').split(',').filter((digest) => isDigest(digest));
}

/** The descriptor with a note of the children that are left out on purpose. */
export function withAbsent(descriptor: Descriptor, absent: readonly Digest[]): Descriptor {
  if (absent.length === 0) return descriptor;
  return { ...descriptor, annotations: { ...descriptor.annotations, [ANNOTATION.absent]: absent.join(',') } };
}

/** The repositories that hold a manifest by its digest, as its entry says. */
export function repositoriesOf({ annotations }: Descriptor): string[] {
  const noted = annotations?.[ANNOTATION.repositories];
  return noted === undefined ? [] : noted.split(',').filter((name) => isRepository(name));
}

/** The descriptor with a note of these repositories, and of no others. */
export function withRepositories(descriptor: Descriptor, repositories: readonly string[]): Descriptor {
  return withNote(descriptor, ANNOTATION.repositories, repositories);
}

/** With the values of one annotation, each once and sorted; without the annotation when there are none. */
function withNote(descriptor: Descriptor, name: string, values: readonly string[]): Descriptor {
  const { annotations = {}, ...plain } = descriptor;
  const { [name]: _, ...others } = annotations;
  if (values.length === 0)
    return Object.keys(others).length === 0 ? plain : { ...plain, annotations: others };
  return { ...plain, annotations: { ...others, [name]: [...new Set(values)].sort().join(',') } };
}

/** A manifest that was deleted in a repository. */
export interface DeletedManifest {
  repository: string;
  digest: Digest;
}

/** The manifests under an entry that were deleted in a repository by their digest, while the entry needs them. */
export function deletedOf({ annotations }: Descriptor): DeletedManifest[] {
  const noted = annotations?.[ANNOTATION.deleted];
  return (noted?.split(',') ?? []).flatMap((pair) => {
    const at = pair.indexOf('@');
    const [repository, digest] = [pair.slice(0, at), pair.slice(at + 1)];
    return at > 0 && isRepository(repository) && isDigest(digest) ? [{ repository, digest }] : [];
  });
}

/** The descriptor with a note of these deleted manifests, and of no others. */
export function withDeleted(descriptor: Descriptor, deleted: readonly DeletedManifest[]): Descriptor {
  const pairs = deleted.map(({ repository, digest }) => `${repository}@${digest}`);
  return withNote(descriptor, ANNOTATION.deleted, pairs);
}

/** Most bytes of annotations that are kept of what is attached to an image, and listed for it: signatures have some 300. */
export const MAX_LISTED_ANNOTATION_BYTES = 16 * 1024;

/**
 * The annotations that fit into `maxBytes` of JSON, in their order, as texts of their own; whoever wants the others
 * reads the manifest. Undefined where none are left.
 */
export function fittingAnnotations(
  annotations: Readonly<Record<string, string>> | undefined,
  maxBytes: number,
): Record<string, string> | undefined {
  let left = maxBytes;
  const fitting: [name: string, value: string][] = [];
  for (const name in annotations) {
    if (left < MEMBER_BYTES) break; // there may be 200,000 of them
    const value = annotations[name] ?? '';
    const bytes = Buffer.byteLength(name) + Buffer.byteLength(value) + MEMBER_BYTES;
    if (bytes > left) continue;
    left -= bytes;
    fitting.push([ownText(name), ownText(value)]);
  }
  return fitting.length === 0 ? undefined : Object.fromEntries(fitting);
}

/** Quotes, a colon and a comma. */
const MEMBER_BYTES = 6;

/** The digest of the entry that this entry of an index attests, where it is an attestation. */
export function attestedDigest({ annotations = {} }: Descriptor): string | undefined {
  return annotations[ANNOTATION.dockerReferenceType] === undefined
    ? undefined
    : (annotations[ANNOTATION.dockerReferenceDigest] ?? '');
}

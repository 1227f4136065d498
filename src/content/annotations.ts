import type { Descriptor } from './descriptor.js';
import { type Digest, isDigest } from './digest.js';
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
  const { annotations = {}, ...plain } = descriptor;
  const { [ANNOTATION.repositories]: _, ...others } = annotations;
  if (repositories.length === 0)
    return Object.keys(others).length === 0 ? plain : { ...plain, annotations: others };
  const noted = [...new Set(repositories)].sort().join(',');
  return { ...plain, annotations: { ...others, [ANNOTATION.repositories]: noted } };
}

/** The digest of the entry that this entry of an index attests, where it is an attestation. */
export function attestedDigest({ annotations = {} }: Descriptor): string | undefined {
  return annotations[ANNOTATION.dockerReferenceType] === undefined
    ? undefined
    : (annotations[ANNOTATION.dockerReferenceDigest] ?? '');
}

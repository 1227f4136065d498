import { fullName, readName } from '../../content/names.js';
import { DOCKER_HUB } from '../../content/reference.js';
import { type ArchiveImage, type BrokenImage, isBroken } from './archive-image.js';

/**
 * Returns, as sentences, which names stand for two images of a docker-archive. Docker uses the last image of a name,
 * podman and skopeo the first. Podman also loads `app:1` as `localhost/app:1`.
 */
export function repeatedNames(images: readonly (ArchiveImage | BrokenImage)[], where: string): string[] {
  const conflicts = conflictsAmong(images, ({ names }) => names, where);
  if (conflicts.length > 0) return conflicts;
  return conflictsAmong(
    images,
    ({ repoTags = [] }) => repoTags.flatMap(nameForPodman),
    `${where}, for podman`,
  );
}

function conflictsAmong(
  images: readonly (ArchiveImage | BrokenImage)[],
  namesOf: (image: ArchiveImage | BrokenImage) => readonly string[],
  where: string,
): string[] {
  const holders = new Map<string, ArchiveImage | BrokenImage>();
  const conflicts = new Map<string, string>();
  for (const image of images) {
    for (const name of namesOf(image)) {
      const holder = holders.get(name) ?? image;
      holders.set(name, holder);
      if (!isSame(holder, image) && !conflicts.has(name))
        conflicts.set(name, `${name} is ${whatIs(holder)} and also ${whatIs(image)} in ${where}`);
    }
  }
  return [...conflicts.values()];
}

/**
 * True if both are the same image. Broken images are never the same, because another reader may be able to read them.
 */
function isSame(one: ArchiveImage | BrokenImage, other: ArchiveImage | BrokenImage): boolean {
  if (isBroken(one) || isBroken(other)) return one === other;
  return one.manifest.digest === other.manifest.digest;
}

/** Describes an image of an archive without manifests for messages. */
export function whatIs(image: Pick<ArchiveImage, 'config'> | BrokenImage): string {
  return isBroken(image) ? 'an image that cannot be read' : `the image with the config ${image.config}`;
}

/** Returns the name under which podman loads an image. (containers/common, libimage/normalize.go, `NormalizeName`) */
function nameForPodman(repoTag: string): string[] {
  const name = fullName(repoTag);
  const read = name === undefined ? undefined : readName(name);
  if (name === undefined || read?.kind !== 'image') return [];
  const isShort = read.reference.registry === DOCKER_HUB && !/^(?:index\.)?docker\.io\//.test(repoTag);
  const tagged = repoTag.includes(':') ? repoTag : `${repoTag}:latest`;
  return [isShort ? `localhost/${tagged}` : name];
}

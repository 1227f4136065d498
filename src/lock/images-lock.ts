import { parseDigest } from '../content/digest.js';
import { formatPlatform, parsePlatform } from '../content/platform.js';
import {
  formatReference,
  parseReference,
  type Reference,
  readReference,
  withDefaultTag,
} from '../content/reference.js';
import { ContentError } from '../errors.js';
import { validate } from './documents.js';
import type { Lock, LockedImage } from './lock.js';

/** The name by which a configuration named the image, before kbld resolved it. (carvel.dev, kbld) */
const KBLD_ID = 'kbld.carvel.dev/id';

/**
 * Reads the `ImagesLock` of imgpkg and kbld, which has digests alone. An image gets the tag of its kbld ID, if that is of
 * the same repository. (carvel.dev, imgpkg, "ImagesLock configuration")
 */
export function parseImgpkgLock(document: unknown, where: string): Lock {
  validate('imgpkg-images-lock', document, where);
  const images = document.images.map(({ image, annotations }, at) => {
    const reference = referenceIn(image, `${where}: image ${at + 1}`);
    const digest = parseDigest(image.slice(image.indexOf('@') + 1));
    const { registry, repository } = reference;
    const tag = reference.tag ?? tagIn(annotations?.[KBLD_ID], reference);
    const name = formatReference({ registry, repository, ...(tag === undefined ? { digest } : { tag }) });
    return { name, digest, platforms: [], by: tag === undefined ? 'digest' : 'name', origins: [] } as const;
  });
  return { selection: EVERYTHING, images: distinct(images), patterns: [] };
}

/**
 * Reads the `Images.lock` of dt, which has a digest for each platform of an image and none for its index: each becomes an
 * image of that name. (vmware-labs/distribution-tooling-for-helm, imagelock)
 */
export function parseDtLock(document: unknown, where: string): Lock {
  validate('dt-images-lock', document, where);
  const images = document.images.flatMap(({ image, digests }, at) => {
    const { digest: _, ...named } = withDefaultTag(referenceIn(image, `${where}: image ${at + 1}`));
    const name = formatReference(withDefaultTag(named));
    return digests.map(({ arch, digest }) => {
      const platforms = [formatPlatform(parsePlatform(arch))];
      return { name, digest, platforms, by: 'name', origins: [] } as const;
    });
  });
  return { selection: EVERYTHING, images: distinct(images), patterns: [] };
}

/** Formats a lock as the `ImagesLock` of imgpkg (YAML), which has no attachments and no choice of platforms. */
export async function formatImgpkgLock({ images }: Lock): Promise<Buffer> {
  const { formatYAML } = await import('./yaml.js');
  const sorted = [...images].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  const document = {
    apiVersion: 'imgpkg.carvel.dev/v1alpha1',
    images: sorted.map(({ name, digest }) => {
      const { registry, repository } = parseReference(name);
      return { annotations: { [KBLD_ID]: name }, image: formatReference({ registry, repository, digest }) };
    }),
    kind: 'ImagesLock',
  };
  return Buffer.from(`---\n${formatYAML(document, { lineWidth: 0 })}`);
}

const EVERYTHING: Lock['selection'] = { referrers: true, includeForeign: false };

/** Other tools list an image once for each place that names it. */
function distinct(images: readonly LockedImage[]): LockedImage[] {
  return [...new Map(images.map((image) => [`${image.name} ${image.digest}`, image])).values()];
}

function tagIn(id: string | undefined, { registry, repository }: Reference): string | undefined {
  const named = id === undefined ? undefined : readReference(id);
  return named?.registry === registry && named.repository === repository ? named.tag : undefined;
}

/** The text may be a URL with a password, so errors do not repeat it. */
export function referenceIn(text: string, place: string): Reference {
  const reference = readReference(text);
  if (reference !== undefined) return reference;
  throw new ContentError('INVALID_LOCK', `${place}: its name is not a valid name of an image`);
}

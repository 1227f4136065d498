import { isIndex, isManifest, isSchema1, MEDIA_TYPE } from '../../content/media-types.js';

/**
 * The manifest types that an Accept header names: those that it names exactly and does not give a weight of 0.
 * Other weights are ignored, and wildcards count as nothing, as in distribution: curl and Docker before 1.6 send
 * `*\/*` or nothing at all, and Docker of that age reads schema1 only. (RFC 9110, 12.5.1)
 */
export function acceptedTypes(accept: string | undefined): ReadonlySet<string> {
  const types = new Set<string>();
  for (const range of accept?.split(',') ?? []) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    if (isManifest(type) && !parameters.some((parameter) => NO_WEIGHT.test(parameter))) types.add(type);
  }
  return types;
}

const NO_WEIGHT = /^q=0(?:\.0{0,3})?$/;

/** In the order of preference where there is a choice: what is made of schema1 is schema2 first. */
const IMAGES = [MEDIA_TYPE.dockerManifest, MEDIA_TYPE.ociManifest];
const INDEXES = [MEDIA_TYPE.ociIndex, MEDIA_TYPE.dockerManifestList];

/**
 * What a client is to get for a tag in place of the stored type: alternatives to be tried in this order, each the
 * types of which one will do. Empty where the stored bytes are right, which they are too when nothing can be made:
 * a client that cannot read them says so better than a 404 would.
 *
 * An index is its other form, or else one image; an image that the client accepts in no newer form is schema1.
 * schema1 itself is made newer for whoever accepts that, although most of them accept schema1 too: Docker from 26
 * still asks for it and then refuses it.
 */
export function formsFor(
  stored: string,
  accepted: ReadonlySet<string>,
): readonly (readonly [string, ...string[]])[] {
  if (stored === MEDIA_TYPE.ociArtifactManifest) return [];
  const images = IMAGES.filter((type) => accepted.has(type));
  if (accepted.has(stored) && !(isSchema1(stored) && images.length > 0)) return [];
  const [image, ...otherImages] = images;
  const forms: [string, ...string[]][] = [];
  const otherIndex = INDEXES.find((type) => accepted.has(type));
  if (isIndex(stored) && otherIndex !== undefined) forms.push([otherIndex]);
  if (image !== undefined) forms.push([image, ...otherImages]);
  else if (stored !== MEDIA_TYPE.dockerSchema1Signed) forms.push([MEDIA_TYPE.dockerSchema1Signed]);
  return forms;
}

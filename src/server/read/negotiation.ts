import { isIndex, isSchema1, MEDIA_TYPE } from '../../content/media-types.js';
import type { Accepted } from './accept.js';

/** Types of which one will do; the first is what is made where none of them is stored. */
export type Form = readonly [string, ...string[]];

/** In the order of preference where there is a choice: what is made of schema1 is schema2 first. */
const IMAGES = [MEDIA_TYPE.dockerManifest, MEDIA_TYPE.ociManifest];
const INDEXES = [MEDIA_TYPE.ociIndex, MEDIA_TYPE.dockerManifestList];
const SCHEMA1: Form = [MEDIA_TYPE.dockerSchema1Signed];

export interface FormsOptions {
  /** Gives schema1 to clients without an Accept header, as Docker before 1.10 is one. */
  schema1Default?: boolean | undefined;
}

/**
 * What a client is to get for a tag in place of the stored type: forms to be tried in this order. Empty where the
 * stored bytes are right, which they are too when nothing can be made: a client that cannot read them says so better
 * than a 406 or 404 would.
 *
 * The stored form is right for whoever accepts it, be it by a wildcard or by saying nothing, unless another form has
 * a greater weight. (RFC 9110, 12.5.1) An index may be its other form, or one image. schema1 is made only for clients
 * that name it and no newer image; what is stored as schema1 is made newer for clients that name something newer,
 * although most of them accept schema1 too: Docker from 26 still asks for it and then refuses it.
 */
export function formsFor(
  stored: string,
  accepted: Accepted | undefined,
  { schema1Default = false }: FormsOptions = {},
): Form[] {
  if (isArtifact(stored)) return [];
  if (accepted === undefined)
    return schema1Default && stored !== MEDIA_TYPE.dockerSchema1Signed ? [SCHEMA1] : [];

  const own = accepted.qualityOf(stored);
  const isBetter = (type: string): boolean => {
    const quality = accepted.qualityOf(type);
    if (isSchema1(stored) && accepted.names(type)) return quality >= own;
    return quality > own;
  };
  const images = IMAGES.filter((type) => type !== stored && isBetter(type));
  const indexes = isIndex(stored) ? INDEXES.filter((type) => type !== stored && isBetter(type)) : [];
  const forms = [...indexes.map((type): Form => [type]), ...byQuality(images, accepted)];
  const schema1 = schema1Quality(accepted);
  const isOnlySchema1 = images.every((type) => accepted.qualityOf(type) < schema1);
  if (schema1 > own && isOnlySchema1 && stored !== MEDIA_TYPE.dockerSchema1Signed) forms.push(SCHEMA1);
  const qualityOf = (form: Form): number => (form === SCHEMA1 ? schema1 : accepted.qualityOf(form[0]));
  return forms.sort((a, b) => qualityOf(b) - qualityOf(a)); // stable: of equal weight, the nearer form is first
}

/** Images of one weight are one form: any of them will do. */
function byQuality(types: readonly string[], accepted: Accepted): Form[] {
  const forms = new Map<number, [string, ...string[]]>();
  for (const type of types) {
    const quality = accepted.qualityOf(type);
    const form = forms.get(quality);
    if (form === undefined) forms.set(quality, [type]);
    else form.push(type);
  }
  return [...forms.values()];
}

/** Of schema1, signed or not, where the client names it: a wildcard does not mean it. */
function schema1Quality(accepted: Accepted): number {
  const named = [MEDIA_TYPE.dockerSchema1Signed, MEDIA_TYPE.dockerSchema1].filter((type) =>
    accepted.names(type),
  );
  return Math.max(0, ...named.map((type) => accepted.qualityOf(type)));
}

function isArtifact(stored: string): boolean {
  return stored === MEDIA_TYPE.ociArtifactManifest || stored === MEDIA_TYPE.orasArtifactManifest;
}

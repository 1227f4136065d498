import { isIndex, isSchema1, MEDIA_TYPE } from '../../content/media-types.js';
import type { Accepted } from './accept.js';

/** Media types of which any one is good enough; the first is made if none of them is stored. */
export type Form = readonly [string, ...string[]];

/** In order of preference: schema1 is converted to schema2 rather than OCI if the client accepts both. */
const IMAGES = [MEDIA_TYPE.dockerManifest, MEDIA_TYPE.ociManifest];
const INDEXES = [MEDIA_TYPE.ociIndex, MEDIA_TYPE.dockerManifestList];
const SCHEMA1: Form = [MEDIA_TYPE.dockerSchema1Signed];

export interface FormsOptions {
  /** Whether clients without an Accept header get schema1, since Docker before 1.10 sends none. */
  schema1Default?: boolean | undefined;
}

/**
 * Returns the formats to try, in this order, instead of the stored one. Empty if the stored bytes are right. They are
 * also sent if none of the formats can be made, because a client that cannot read them reports a better error than for
 * a 406 or 404.
 *
 * The stored format is right for any client that accepts it, even by a wildcard or by sending no Accept header, unless
 * another format has a greater weight (RFC 9110, 12.5.1). An index may be converted to the other type of index, or
 * replaced by one image. schema1 is made only for clients that name it and no newer type of image. An image stored as
 * schema1 is converted for clients that name a newer type, even if they accept schema1 too: Docker from 26 on still
 * requests it and then refuses it.
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
  return forms.sort((a, b) => qualityOf(b) - qualityOf(a)); // the sort is stable, so of equal weights the closer format comes first
}

/** Combines image types of the same weight into one form, since any of them is good enough. */
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

/** Returns the weight of schema1, signed or not, if the client names it; wildcards do not count. */
function schema1Quality(accepted: Accepted): number {
  const named = [MEDIA_TYPE.dockerSchema1Signed, MEDIA_TYPE.dockerSchema1].filter((type) =>
    accepted.names(type),
  );
  return Math.max(0, ...named.map((type) => accepted.qualityOf(type)));
}

function isArtifact(stored: string): boolean {
  return stored === MEDIA_TYPE.ociArtifactManifest || stored === MEDIA_TYPE.orasArtifactManifest;
}

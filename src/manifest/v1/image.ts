import type { V1ImageDocument } from '../documents.js';
import { parseJSON } from '../json/json.js';
import { type Defined, type Present, withoutNulls } from '../json/nulls.js';
import { MAX_CONFIG_BYTES } from '../limits.js';
import { validate } from '../schema.js';
import { CONFIG } from '../shapes.js';

/**
 * An image of Docker before 1.10: one layer on top of its parent image. `id` and `parent` are v1 IDs; the base has no
 * `parent`. Members that lading does not read are kept.
 */
export type V1Image = Defined<Present<V1ImageDocument>>;

/** Parses `v1Compatibility` of schema1, or the file `json` of an old archive; throws `INVALID_MANIFEST`. */
export function parseV1Image(bytes: Uint8Array, where: string): V1Image {
  const document = parseJSON(bytes, { shape: CONFIG, what: where, maxBytes: MAX_CONFIG_BYTES });
  validate('v1-image', document, where);
  const { parent, ...image } = withoutNulls(document);
  return parent === undefined || parent === '' ? image : { ...image, parent };
}

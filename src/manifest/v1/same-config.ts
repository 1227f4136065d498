import { isDeepStrictEqual } from 'node:util';
import { ContentError } from '../../errors.js';
import { goJSON } from '../json/go-json.js';
import { isJSONObject, parseJSON } from '../json/json.js';
import { CONFIG } from '../shapes.js';
import { throughV1Struct } from './struct.js';

/**
 * True if a v1 image's JSON has the same `config` as an image config, as Docker decodes both, because tools omit empty
 * members in the old format. Also true if the JSON has no `config`. Throws `INVALID_MANIFEST`.
 */
export function hasSameConfig(v1Image: Uint8Array, config: Uint8Array, where: string): boolean {
  const [old, later] = [v1Image, config].map((bytes) => {
    const document = parseJSON(bytes, { shape: CONFIG, what: where });
    return isJSONObject(document) ? document.config : undefined;
  });
  if (old == null) return true;
  return isDeepStrictEqual(old, later) || asDecoded(old, where) === asDecoded(later ?? {}, where);
}

function asDecoded(config: unknown, where: string): string {
  try {
    return goJSON(throughV1Struct({ config }, where));
  } catch (error) {
    if (error instanceof ContentError) return JSON.stringify(config); // Docker cannot decode it
    throw error;
  }
}

import { isDeepStrictEqual } from 'node:util';
import { ContentError } from '../../errors.js';
import { goJSON } from '../json/go-json.js';
import { isJSONObject, parseJSON } from '../json/json.js';
import { CONFIG } from '../shapes.js';
import { throughV1Struct } from './struct.js';

/**
 * Whether a v1 image's JSON says of its containers what a config says, as Docker decodes both: writers of the old form
 * leave out members that are empty. JSON without a `config` says nothing of them. Throws `INVALID_MANIFEST`.
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
    if (error instanceof ContentError) return JSON.stringify(config); // Docker decodes no such config
    throw error;
  }
}

import { ContentError, type ErrorCode } from '../errors.js';
import { AMBIGUITY_HINT, type JSONObject } from './json/json.js';

/** Members that distinguish the formats: a document of one format must not have those of another. */
const DECIDING = ['config', 'layers', 'manifests', 'fsLayers', 'history'];

/**
 * Throws if a document could be read as another format (CVE-2021-41190: the same bytes were a manifest or an index,
 * depending only on the declared type). Of the members in `DECIDING`, it may have only those in `allowed`, whatever
 * their values. Other spellings of them were already refused by `parseJSON`.
 */
export function refuseAmbiguity(
  document: JSONObject,
  allowed: readonly string[],
  where: string,
  code: ErrorCode = 'INVALID_MANIFEST',
): void {
  const stranger = Object.keys(document).find((name) => DECIDING.includes(name) && !allowed.includes(name));
  if (stranger === undefined) return;
  const found = `a member "${stranger}", which belongs to another format`;
  throw new ContentError(code, `${where} is ambiguous: it has ${found}`, { hint: AMBIGUITY_HINT });
}

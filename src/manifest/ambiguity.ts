import { ContentError, type ErrorCode } from '../errors.js';
import { AMBIGUITY_HINT, type JSONObject } from './json/json.js';

/** Members that tell the formats apart: a document of one format must not have those of another. */
const DECIDING = ['config', 'layers', 'manifests', 'fsLayers', 'history'];

/**
 * Throws when a document could be read as one of another format: CVE-2021-41190, where the declared type
 * alone chose between a manifest and an index in the same bytes. Whatever their value, the deciding members
 * are allowed only where `allowed` has them. Other spellings of them were refused when the document was parsed.
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

import { ContentError, type ErrorCode } from '../errors.js';
import { type JSONObject, shorten } from './json.js';

/** Members that tell the formats apart: a document of one format must not have those of another. */
const DECIDING = ['config', 'layers', 'manifests', 'fsLayers', 'history'];
/** Members whose meaning must be the same for every reader. */
const READ = [...DECIDING, 'schemaVersion', 'mediaType', 'signatures', 'blobs', 'subject'];
const BY_FOLDED = new Map(READ.map((name) => [fold(name), name]));

/**
 * Throws when a document could be read as one of another format: CVE-2021-41190, where the declared type
 * alone chose between a manifest and an index in the same bytes. Whatever their value, the deciding members
 * are allowed only where `allowed` has them, and in no other case: Go's decoders ignore case.
 */
export function refuseAmbiguity(
  document: JSONObject,
  allowed: readonly string[],
  where: string,
  code: ErrorCode = 'INVALID_MANIFEST',
): void {
  for (const name of Object.keys(document)) {
    const meaning = BY_FOLDED.get(fold(name));
    if (meaning === undefined) continue;
    if (name !== meaning) {
      throw ambiguous(`a member "${shorten(name)}", which some readers take for "${meaning}"`, where, code);
    }
    if (DECIDING.includes(name) && !allowed.includes(name)) {
      throw ambiguous(`a member "${name}", which belongs to another format`, where, code);
    }
  }
}

/** Upper rather than lower case, because it also folds `ſ` (U+017F) as Go's decoders do. */
function fold(name: string): string {
  return name.toUpperCase();
}

function ambiguous(found: string, where: string, code: ErrorCode): ContentError {
  return new ContentError(code, `${where} is ambiguous: it has ${found}`, {
    hint: 'Such a document can mean different images to different tools; ask its publisher to build it afresh.',
  });
}

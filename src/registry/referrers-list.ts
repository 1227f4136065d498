import type { Descriptor } from '../content/descriptor.js';
import { isDigest } from '../content/digest.js';
import { ContentError } from '../errors.js';
import { memberOf } from './http/json.js';

/**
 * Parses and checks the descriptors of a referrers list; `what` names the list in errors. Throws `INVALID_MANIFEST`: an
 * attachment without a valid descriptor cannot be copied.
 */
export function parseReferrers(document: unknown, what: string): Descriptor[] {
  const manifests = memberOf(document, 'manifests');
  if (manifests === null || manifests === undefined) return []; // Go writes an empty list as null
  if (!Array.isArray(manifests)) throw invalid(what, '"manifests" is not a list');
  return manifests.map((entry, index) => parseEntry(entry, `${what}: entry ${index}`));
}

function parseEntry(entry: unknown, what: string): Descriptor {
  const mediaType = memberOf(entry, 'mediaType');
  const digest = memberOf(entry, 'digest');
  const size = memberOf(entry, 'size');
  const artifactType = memberOf(entry, 'artifactType');
  const annotations = memberOf(entry, 'annotations');
  if (typeof mediaType !== 'string' || mediaType === '') throw invalid(what, 'it has no mediaType');
  if (!isDigest(digest)) throw invalid(what, `its digest ${JSON.stringify(digest)} is invalid`);
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0)
    throw invalid(what, 'its size is invalid');
  return {
    mediaType,
    digest,
    size,
    ...(typeof artifactType === 'string' && artifactType !== '' ? { artifactType } : {}),
    ...texts(annotations),
  };
}

/** Returns the annotations that are text. Others are ignored: they do not prevent a copy. */
function texts(value: unknown): { annotations?: Record<string, string> } {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return {};
  const entries = Object.entries(value).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  );
  return { annotations: Object.fromEntries(entries) };
}

function invalid(what: string, problem: string): ContentError {
  return new ContentError('INVALID_MANIFEST', `${what}: ${problem}`, {
    hint: 'The registry lists attachments wrongly; they can be left out.',
    remedy: 'referrers',
  });
}

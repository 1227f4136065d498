import { isSchema1, MEDIA_TYPE } from '../content/media-types.js';
import { ContentError } from '../errors.js';
import { refuseAmbiguity } from './ambiguity.js';
import { isJSONObject, type JSONObject, parseJSON, shorten } from './json/json.js';
import { MAX_MANIFEST_BYTES } from './limits.js';
import { SCHEMA1_MEMBERS } from './schema1/schema1.js';
import { MANIFEST } from './shapes.js';

/** For each format, the members that it may have of those that distinguish the formats (see `refuseAmbiguity`). */
const MEMBERS = {
  [MEDIA_TYPE.ociManifest]: ['config', 'layers'],
  [MEDIA_TYPE.ociIndex]: ['manifests'],
  [MEDIA_TYPE.ociArtifactManifest]: [],
  [MEDIA_TYPE.orasArtifactManifest]: [],
  [MEDIA_TYPE.dockerManifest]: ['config', 'layers'],
  [MEDIA_TYPE.dockerManifestList]: ['manifests'],
  [MEDIA_TYPE.dockerSchema1]: SCHEMA1_MEMBERS,
  [MEDIA_TYPE.dockerSchema1Signed]: SCHEMA1_MEMBERS,
} as const satisfies Record<string, readonly string[]>;

export type ManifestMediaType = keyof typeof MEMBERS;

/** A parsed manifest and its type, before it is checked against its schema. */
export interface TypedDocument {
  mediaType: ManifestMediaType;
  /** For a signed schema1 manifest, the outer document, not the signed payload. */
  document: JSONObject;
}

/** Returns the media type of a manifest; throws as `readDocument` does. `where` is its name in errors. */
export function detectMediaType(bytes: Uint8Array, declared?: string, where = 'the manifest'): string {
  return readDocument(bytes, declared, where).mediaType;
}

/**
 * Parses a manifest and determines its type: the declared one (from a Content-Type or descriptor), otherwise its
 * mediaType, otherwise the one that fits its members. Throws `INVALID_MANIFEST` if the declared type and the mediaType
 * differ, if no type fits, and if tools could read the document differently.
 */
export function readDocument(bytes: Uint8Array, declared: string | undefined, where: string): TypedDocument {
  const repeated = new Set<string>();
  const document = parseJSON(bytes, { shape: MANIFEST, what: where, maxBytes: MAX_MANIFEST_BYTES, repeated });
  if (!isJSONObject(document)) throw invalid(where, 'it is not a JSON object');

  const mediaType = typeOf(document, declared, where);
  refuseAmbiguity(document, MEMBERS[mediaType], where);
  for (const name of repeated) {
    // Members outside of a signed payload are not used, except those that decide how the document is read.
    if (mediaType !== MEDIA_TYPE.dockerSchema1Signed || TYPE_MEMBERS.has(name))
      throw invalid(where, `it has the member "${shorten(name)}" twice`);
  }
  return { mediaType, document };
}

const TYPE_MEMBERS = new Set(['schemaVersion', 'mediaType', 'signatures']);

function typeOf(document: JSONObject, declared: string | undefined, where: string): ManifestMediaType {
  const declaredType = knownType(declared);
  const ownType = knownType(document.mediaType);
  // Go writes a missing mediaType as an empty string or null.
  const isStated = document.mediaType != null && document.mediaType !== '';
  if (declaredType !== undefined && isStated && !isSame(declaredType, ownType)) {
    const own = typeof document.mediaType === 'string' ? `"${shorten(document.mediaType)}"` : 'not a string';
    throw invalid(where, `it was declared as ${declaredType}, but its mediaType is ${own}`);
  }
  const type = declaredType ?? ownType ?? guessType(document);
  if (type === undefined) {
    throw invalid(where, 'neither its mediaType nor its members show what kind of manifest it is');
  }
  if (!isSchema1(type)) {
    const { schemaVersion: version } = document;
    if (typeof version === 'number' && version !== 2)
      throw invalid(where, `it is ${type}, but its schemaVersion is ${version}`);
    return type;
  }
  // Registries confuse the two media types of schema1, so only the presence of signatures decides.
  return 'signatures' in document ? MEDIA_TYPE.dockerSchema1Signed : MEDIA_TYPE.dockerSchema1;
}

/** Returns a manifest's type without its parameters, or undefined for other types such as `application/json`. */
function knownType(mediaType: unknown): ManifestMediaType | undefined {
  if (typeof mediaType !== 'string') return undefined;
  const [type = ''] = mediaType.split(';', 1);
  const name = type.trim().toLowerCase();
  return isManifestMediaType(name) ? name : undefined;
}

function isManifestMediaType(name: string): name is ManifestMediaType {
  return Object.hasOwn(MEMBERS, name);
}

function isSame(declared: ManifestMediaType, own: ManifestMediaType | undefined): boolean {
  return declared === own || (own !== undefined && isSchema1(declared) && isSchema1(own));
}

/** Guesses the type of a document without a mediaType, which OCI 1.0 did not require, by its members. */
function guessType({ schemaVersion, manifests, config, layers }: JSONObject): ManifestMediaType | undefined {
  if (schemaVersion === 1) return MEDIA_TYPE.dockerSchema1;
  if (schemaVersion !== 2) return undefined;
  // A Docker manifest list must have a mediaType. An OCI index need not, and its children may have Docker's types.
  if (Array.isArray(manifests)) return MEDIA_TYPE.ociIndex;
  if (config === undefined && layers === undefined) return undefined;
  return isDockerType(config) ? MEDIA_TYPE.dockerManifest : MEDIA_TYPE.ociManifest;
}

function isDockerType(descriptor: unknown): boolean {
  if (!isJSONObject(descriptor) || typeof descriptor.mediaType !== 'string') return false;
  return descriptor.mediaType.startsWith('application/vnd.docker.');
}

function invalid(where: string, problem: string): ContentError {
  return new ContentError('INVALID_MANIFEST', `${where} is not a valid manifest: ${problem}`);
}

import { isSchema1, MEDIA_TYPE } from '../content/media-types.js';
import { ContentError } from '../errors.js';
import { refuseAmbiguity } from './ambiguity.js';
import { isJSONObject, type JSONObject, parseJSON, shorten } from './json/json.js';
import { MAX_MANIFEST_BYTES } from './limits.js';
import { SCHEMA1_MEMBERS } from './schema1/schema1.js';
import { MANIFEST } from './shapes.js';

/** The formats, each with the members that it may have of those that tell the formats apart. */
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

/** A manifest's JSON and its type, before its schema is asked. */
export interface TypedDocument {
  mediaType: ManifestMediaType;
  /** Of a signed schema1 manifest, the document around the payload. */
  document: JSONObject;
}

/** The type of a manifest's bytes; throws `INVALID_MANIFEST` as `readDocument` does, naming `where`. */
export function detectMediaType(bytes: Uint8Array, declared?: string, where = 'the manifest'): string {
  return readDocument(bytes, declared, where).mediaType;
}

/**
 * A manifest's bytes → JSON and type. The type is what was declared (a Content-Type, a descriptor), else
 * what the document says, else what its members show. Throws `INVALID_MANIFEST` when the first two
 * disagree, when there is no type to be found, and when the document can be read in more than one way.
 */
export function readDocument(bytes: Uint8Array, declared: string | undefined, where: string): TypedDocument {
  const repeated = new Set<string>();
  const document = parseJSON(bytes, { shape: MANIFEST, what: where, maxBytes: MAX_MANIFEST_BYTES, repeated });
  if (!isJSONObject(document)) throw invalid(where, 'it is not a JSON object');

  const mediaType = typeOf(document, declared, where);
  refuseAmbiguity(document, MEMBERS[mediaType], where);
  for (const name of repeated) {
    // Beside a signed payload there may be anything, but nothing that decides how it is read.
    if (mediaType !== MEDIA_TYPE.dockerSchema1Signed || TYPE_MEMBERS.has(name))
      throw invalid(where, `it has the member "${shorten(name)}" twice`);
  }
  return { mediaType, document };
}

const TYPE_MEMBERS = new Set(['schemaVersion', 'mediaType', 'signatures']);

function typeOf(document: JSONObject, declared: string | undefined, where: string): ManifestMediaType {
  const declaredType = knownType(declared);
  const ownType = knownType(document.mediaType);
  // Go writes a mediaType that is not set as an empty one or null.
  const isStated = document.mediaType != null && document.mediaType !== '';
  if (declaredType !== undefined && isStated && !isSame(declaredType, ownType)) {
    const own = typeof document.mediaType === 'string' ? `"${shorten(document.mediaType)}"` : 'no text';
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
  // Registries mix up the two names of schema1: whether there are signatures is what counts.
  return 'signatures' in document ? MEDIA_TYPE.dockerSchema1Signed : MEDIA_TYPE.dockerSchema1;
}

/** A manifest's type without its parameters; `application/json`, `text/plain` and the like say nothing. */
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

/** The type that the members show, of a document that does not say it: OCI 1.0 left that open. */
function guessType({ schemaVersion, manifests, config, layers }: JSONObject): ManifestMediaType | undefined {
  if (schemaVersion === 1) return MEDIA_TYPE.dockerSchema1;
  if (schemaVersion !== 2) return undefined;
  // Docker's list has to state its type; in OCI's index, whose children may be of Docker's types, it may be left out.
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

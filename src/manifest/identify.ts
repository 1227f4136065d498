import { type Digest, digestOf } from '../content/digest.js';
import { MEDIA_TYPE } from '../content/media-types.js';
import { type ImageConfig, parseConfig } from './config.js';
import { parseArchiveManifest, parseArchiveRepositories } from './docker-archive-documents.js';
import { isJSONObject, type JSONObject, parseJSON } from './json/json.js';
import { VALUE } from './json/shape.js';
import { parseLayoutVersion, readLayoutIndex } from './layout-documents.js';
import { MAX_ARCHIVE_DOCUMENT_BYTES } from './limits.js';
import { type Manifest, manifestDigest, parseManifest } from './manifest.js';
import { type CheckedSignature, checkSchema1Signatures } from './schema1/signature.js';
import { parseV1Image } from './v1/image.js';
import { irregularities, type ManifestWarning, warningsOf } from './warnings.js';

/** All kinds of documents in images, layouts and archives. */
export type IdentifiedKind =
  | Manifest['format']
  | 'oci-config'
  | 'docker-config'
  | 'v1-image'
  | 'index-json'
  | 'oci-layout'
  | 'docker-archive-manifest'
  | 'docker-archive-repositories';

/** The kind of a document that was checked against its schema. */
export interface IdentifiedDocument {
  kind: IdentifiedKind;
  digest: Digest;
  mediaType: string;
  /** The signatures of a signed schema1 manifest, including invalid ones. */
  signatures?: CheckedSignature[];
  warnings: ManifestWarning[];
}

/** For documents whose type no specification defines. */
const JSON_TYPE = 'application/json';
/** The type of the file oci-layout. (image-spec, media-types.md) */
const LAYOUT_TYPE = 'application/vnd.oci.layout.header.v1+json';
/** Members that only Docker's configs have. (image-spec, config.md) */
const OF_DOCKER = ['container', 'container_config', 'docker_version', 'parent', 'throwaway'];

/**
 * Determines the kind of a document by its members, because a config, for example, has nothing else to identify it. The
 * name of the file decides between an OCI index and the index.json of a layout. Throws as the parser of the kind does.
 */
export function identifyDocument(bytes: Uint8Array, where: string, name = ''): IdentifiedDocument {
  const document = parseJSON(bytes, { shape: VALUE, what: where, maxBytes: MAX_ARCHIVE_DOCUMENT_BYTES });
  const known = (kind: IdentifiedKind, mediaType: string): IdentifiedDocument => ({
    kind,
    digest: digestOf(bytes),
    mediaType,
    warnings: [],
  });
  if (Array.isArray(document)) {
    parseArchiveManifest(bytes, where);
    return known('docker-archive-manifest', JSON_TYPE);
  }
  if (!isJSONObject(document)) return identifyManifest(bytes, where); // throws a suitable error
  switch (kindOf(document, name)) {
    case 'oci-layout':
      parseLayoutVersion(bytes, where);
      return known('oci-layout', LAYOUT_TYPE);
    case 'index-json': {
      const warnings = irregularities(readLayoutIndex(bytes, where));
      return { ...known('index-json', MEDIA_TYPE.ociIndex), warnings };
    }
    case 'config': {
      const config = identifyConfig(bytes, document, where);
      const warnings = irregularities(config);
      return config.isOCI
        ? { ...known('oci-config', MEDIA_TYPE.ociConfig), warnings }
        : { ...known('docker-config', MEDIA_TYPE.dockerConfig), warnings };
    }
    case 'v1-image':
      parseV1Image(bytes, where);
      return known('v1-image', JSON_TYPE);
    case 'docker-archive-repositories':
      parseArchiveRepositories(bytes, where);
      return known('docker-archive-repositories', JSON_TYPE);
    case 'manifest':
      return identifyManifest(bytes, where);
  }
}

function kindOf(
  document: JSONObject,
  name: string,
): 'oci-layout' | 'index-json' | 'config' | 'v1-image' | 'docker-archive-repositories' | 'manifest' {
  if ('imageLayoutVersion' in document) return 'oci-layout';
  if ('schemaVersion' in document || 'mediaType' in document)
    return name === 'index.json' && 'manifests' in document ? 'index-json' : 'manifest';
  if ('rootfs' in document) return 'config';
  if (typeof document.id === 'string') return 'v1-image';
  const values = Object.values(document);
  if (name === 'repositories' || (values.length > 0 && values.every(isJSONObject)))
    return 'docker-archive-repositories';
  return 'manifest'; // its parser throws a suitable error
}

/** A config has no type. It is taken for OCI's if it satisfies OCI's schema and has none of Docker's own members. */
function identifyConfig(
  bytes: Uint8Array,
  document: JSONObject,
  where: string,
): ImageConfig & { isOCI: boolean } {
  const asOCI = parseConfig(bytes, where, { mediaType: MEDIA_TYPE.ociConfig });
  const asDocker = parseConfig(bytes, where);
  const isDocker = OF_DOCKER.some((member) => member in document) || (asOCI.irregular && !asDocker.irregular);
  return isDocker ? { ...asDocker, isOCI: false } : { ...asOCI, isOCI: true };
}

function identifyManifest(bytes: Uint8Array, where: string): IdentifiedDocument {
  const manifest = parseManifest(bytes, { digest: where });
  return {
    kind: manifest.format,
    digest: manifestDigest(bytes, manifest.mediaType),
    mediaType: manifest.mediaType,
    ...(isSigned(manifest) && { signatures: checkSchema1Signatures(bytes, where) }),
    warnings: warningsOf(manifest),
  };
}

function isSigned(manifest: Manifest): boolean {
  return manifest.format === 'docker-schema1' && manifest.signed;
}

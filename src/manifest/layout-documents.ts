import type { Descriptor } from '../content/descriptor.js';
import { ContentError } from '../errors.js';
import { refuseAmbiguity } from './ambiguity.js';
import { readDescriptors } from './descriptor.js';
import { type Irregularity, requireStructure } from './irregular.js';
import { isJSONObject, parseJSON } from './json/json.js';
import { codeOf, validate } from './schema.js';
import { LAYOUT, MANIFEST } from './shapes.js';

/** The content of a layout's index.json. */
export interface LayoutIndexContent {
  /** Empty if `manifests` is null (Docker 25.0.0). Names are in the annotations of the entries. */
  entries: Descriptor[];
  /** A violation of the schema that does not prevent reading the entries. */
  irregular?: Irregularity;
}

/**
 * Parses the index.json of a layout; throws `INVALID_LAYOUT`. It does not limit the size, which the caller has done.
 * (image-spec, image-layout.md)
 */
export function readLayoutIndex(bytes: Uint8Array, where: string): LayoutIndexContent {
  const code = codeOf('index-json');
  const document = parseJSON(bytes, { shape: MANIFEST, what: where, code });
  if (isJSONObject(document)) {
    refuseAmbiguity(document, ['manifests'], where, code);
    if (typeof document.schemaVersion === 'number' && document.schemaVersion !== 2)
      throw new ContentError(
        code,
        `${where} is not a valid index-json: its schemaVersion is ${document.schemaVersion}`,
      );
  }
  const { document: index, ...rest } = requireStructure('index-json', document, where);
  return { entries: readDescriptors(index.manifests), ...rest };
}

/**
 * Parses the file oci-layout and returns its version; throws `INVALID_LAYOUT` unless it is 1.0.0, the only version so
 * far.
 */
export function parseLayoutVersion(bytes: Uint8Array, where: string): '1.0.0' {
  const document = parseJSON(bytes, { shape: LAYOUT, what: where, code: codeOf('oci-layout') });
  validate('oci-layout', document, where);
  return document.imageLayoutVersion;
}

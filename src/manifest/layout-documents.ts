import type { Descriptor } from '../content/descriptor.js';
import { ContentError } from '../errors.js';
import { refuseAmbiguity } from './ambiguity.js';
import { readDescriptors } from './descriptor.js';
import { type Irregularity, requireStructure } from './irregular.js';
import { isJSONObject, parseJSON } from './json/json.js';
import { codeOf, validate } from './schema.js';
import { LAYOUT, MANIFEST } from './shapes.js';

/** What index.json of a layout says. */
export interface LayoutIndexContent {
  /** None where it has null (Docker 25.0.0). Names are in their annotations. */
  entries: Descriptor[];
  /** What the schema does not allow, and reading the entries does not mind. */
  irregular?: Irregularity;
}

/** index.json of a layout; throws `INVALID_LAYOUT`. The bytes were read to a limit. (image-spec, image-layout.md) */
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

/** The file oci-layout → its version; throws `INVALID_LAYOUT` unless that is 1.0.0, the only one there is. */
export function parseLayoutVersion(bytes: Uint8Array, where: string): '1.0.0' {
  const document = parseJSON(bytes, { shape: LAYOUT, what: where, code: codeOf('oci-layout') });
  validate('oci-layout', document, where);
  return document.imageLayoutVersion;
}

import type { Descriptor } from '../content/descriptor.js';
import { refuseAmbiguity } from './ambiguity.js';
import { readDescriptors } from './descriptor.js';
import { isJSONObject, parseJSON } from './json.js';
import { codeOf, validate } from './schema.js';
import { LAYOUT, MANIFEST } from './shapes.js';

/**
 * index.json of a layout → its entries, none where it has null (Docker 25.0.0). Names are in their
 * annotations. Throws `INVALID_LAYOUT`; the bytes were read to a limit. (image-spec, image-layout.md)
 */
export function parseLayoutIndex(bytes: Uint8Array, where: string): Descriptor[] {
  const code = codeOf('index-json');
  const document = parseJSON(bytes, { shape: MANIFEST, what: where, code });
  if (isJSONObject(document)) refuseAmbiguity(document, ['manifests'], where, code);
  validate('index-json', document, where);
  return readDescriptors(document.manifests);
}

/** The file oci-layout → its version; throws `INVALID_LAYOUT` unless that is 1.0.0, the only one there is. */
export function parseLayoutVersion(bytes: Uint8Array, where: string): '1.0.0' {
  const document = parseJSON(bytes, { shape: LAYOUT, what: where, code: codeOf('oci-layout') });
  validate('oci-layout', document, where);
  return document.imageLayoutVersion;
}

import type { Digest } from '../../content/digest.js';
import { MEDIA_TYPE } from '../../content/media-types.js';
import { ContentError } from '../../errors.js';
import { refuseAmbiguity } from '../ambiguity.js';
import { isJSONObject, type JSONObject, parseJSON } from '../json/json.js';
import { validate } from '../schema.js';
import { MANIFEST } from '../shapes.js';
import { readSignatures } from './signature.js';

/** Docker's first manifest of registries: layers without sizes, and the config spread over its history. */
export interface Schema1Manifest {
  format: 'docker-schema1';
  mediaType: string;
  /** Whether the document has signatures; its digest then leaves them out. */
  signed: boolean;
  name: string;
  tag: string;
  architecture: string;
  /** Top first, empty layers included. */
  fsLayers: Digest[];
  /** `v1Compatibility`, JSON in a string, of each of fsLayers. */
  history: string[];
  irregular?: never;
}

/** Members that may stand in a schema1 manifest, of those that tell the formats apart. */
export const SCHEMA1_MEMBERS: readonly string[] = ['fsLayers', 'history'];

/**
 * Reads a schema1 document, of `bytes` that parse to `outer`. Everything of a signed one is read from the
 * payload: what stands beside it is neither signed nor part of its digest.
 */
export function readSchema1(bytes: Uint8Array, outer: JSONObject, where: string): Schema1Manifest {
  const signed = 'signatures' in outer;
  const document = signed ? readPayload(readSignatures(bytes, outer, where).payload, where) : outer;
  validate('docker-schema1', document, where);
  const { name, tag, architecture, fsLayers, history } = document;
  if (fsLayers.length !== history.length) {
    throw new ContentError(
      'INVALID_MANIFEST',
      `${where} is not a valid docker-schema1: it has ${fsLayers.length} layers but ${history.length} history entries`,
    );
  }
  return {
    format: 'docker-schema1',
    mediaType: signed ? MEDIA_TYPE.dockerSchema1Signed : MEDIA_TYPE.dockerSchema1,
    signed,
    name,
    tag,
    architecture,
    fsLayers: fsLayers.map((layer) => layer.blobSum),
    history: history.map((entry) => entry.v1Compatibility),
  };
}

function readPayload(payload: Uint8Array, where: string): unknown {
  const document = parseJSON(payload, { shape: MANIFEST, what: `the payload of ${where}` });
  if (isJSONObject(document)) refuseAmbiguity(document, SCHEMA1_MEMBERS, `the payload of ${where}`);
  return document;
}

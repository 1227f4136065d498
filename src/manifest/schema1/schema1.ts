import type { Digest } from '../../content/digest.js';
import { MEDIA_TYPE } from '../../content/media-types.js';
import { ContentError } from '../../errors.js';
import { refuseAmbiguity } from '../ambiguity.js';
import { isJSONObject, type JSONObject, parseJSON } from '../json/json.js';
import { validate } from '../schema.js';
import { MANIFEST } from '../shapes.js';
import { readSignatures } from './signature.js';

/** The first manifest format of Docker's registries. It has no sizes of layers, and its history contains the config. */
export interface Schema1Manifest {
  format: 'docker-schema1';
  mediaType: string;
  /** True if the document has signatures, which are not included in its digest. */
  signed: boolean;
  name: string;
  tag: string;
  architecture: string;
  /** The layers, top first, including empty ones. */
  fsLayers: Digest[];
  /** For each of `fsLayers`, its `v1Compatibility`, which is JSON in a string. */
  history: string[];
  irregular?: never;
}

/** The members of a schema1 manifest that distinguish it from other formats (see `refuseAmbiguity`). */
export const SCHEMA1_MEMBERS: readonly string[] = ['fsLayers', 'history'];

/**
 * Reads a schema1 manifest; `outer` is the parsed `bytes`. A signed one is read only from its payload, because other
 * members are neither signed nor part of its digest. Throws `INVALID_MANIFEST` and `INVALID_SIGNATURE`.
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

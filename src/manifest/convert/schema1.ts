import type { KeyObject } from 'node:crypto';
import type { Descriptor } from '../../content/descriptor.js';
import { type Digest, digestOf } from '../../content/digest.js';
import { isNonDistributable, MEDIA_TYPE } from '../../content/media-types.js';
import { ContentError } from '../../errors.js';
import { layerTypeFor } from '../layer-types.js';
import { lostOCIMembers } from '../oci-members.js';
import {
  type ConversionGuards,
  type Document,
  documentOf,
  guardedLosses,
  type KnownManifest,
} from './conversion.js';
import { parseImage } from './parse-image.js';
import { signSchema1 } from './sign-schema1.js';
import { toSchema1 } from './to-schema1.js';

export interface ConvertToSchema1Options extends ConversionGuards, KnownManifest {
  /** The manifest's digest, for errors and `lost`; computed if not given. */
  where?: string;
  /** The repository and the tag to write into the manifest. Registries write the name without a host. */
  name: string;
  tag: string;
  config: Uint8Array;
  /** Layers that were compressed again, by their digests in the manifest. */
  layers?: ReadonlyMap<Digest, Descriptor>;
  /** The key to sign the manifest with. If not given, it is not signed, and registries refuse it. */
  key?: KeyObject;
  /** The time to write into the signature; default now. */
  time?: Date;
}

export interface ConvertedToSchema1 {
  manifest: Document;
  /** True if the manifest has `EMPTY_LAYER`, which must then be stored with it. */
  needsEmptyLayer: boolean;
  /** What could not be kept, each as one printable line. */
  lost: string[];
}

/**
 * Converts schema2 or OCI to schema1. Throws `UNSUPPORTED` if it is not an image, for layers that old versions of
 * Docker cannot read or find, and for a guarded loss without `force`; throws `INVALID_MANIFEST` as `toSchema1` does.
 */
export function convertToSchema1(bytes: Uint8Array, options: ConvertToSchema1Options): ConvertedToSchema1 {
  const { where = digestOf(bytes), name, tag, config, layers: replacements, key, time } = options;
  const image = parseImage(bytes, where, options);
  const layers = image.layers.map((layer) => replacements?.get(layer.digest) ?? layer);
  for (const layer of layers) refuseLayer(layer);
  const guarded = guardedLosses(image.subject, options, where);
  const digests = layers.map(({ digest }) => digest);
  const result = toSchema1({ name, tag, config, layers: digests }, image.config.digest);
  return {
    manifest: schema1Document(result.payload, key, time),
    needsEmptyLayer: result.needsEmptyLayer,
    lost: [...guarded, ...lostOCIMembers(bytes, 'docker', where), ...result.lost],
  };
}

/**
 * Throws `UNSUPPORTED` for layers without a Docker type, and for foreign ones, because schema1 has no place for URLs.
 */
function refuseLayer({ mediaType, digest }: Descriptor): void {
  layerTypeFor(mediaType, 'docker', digest);
  if (isNonDistributable(mediaType)) {
    throw new ContentError('UNSUPPORTED', `layer ${digest} is foreign, and schema1 cannot have its URLs`);
  }
}

/** Makes the document; the digest of a signed manifest is that of its payload, but its size is that of all bytes. */
function schema1Document(payload: Buffer, key: KeyObject | undefined, time: Date | undefined): Document {
  if (key === undefined) return documentOf(MEDIA_TYPE.dockerSchema1, payload);
  const bytes = signSchema1(payload, key, time === undefined ? {} : { time });
  const { length: size } = bytes;
  return {
    descriptor: { mediaType: MEDIA_TYPE.dockerSchema1Signed, digest: digestOf(payload), size },
    bytes,
  };
}

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
  /** The manifest's digest, for errors and what is lost; computed if not given. */
  where?: string;
  /** The repository, and the tag, that the manifest is to state; a registry's own name for it has no host. */
  name: string;
  tag: string;
  config: Uint8Array;
  /** Layers that were compressed anew, by the digest that the manifest has for them. */
  layers?: ReadonlyMap<Digest, Descriptor>;
  /** Signs the manifest; without one it stays unsigned, which registries refuse. */
  key?: KeyObject;
  /** Noted in the signature; default now. */
  time?: Date;
}

export interface ConvertedToSchema1 {
  manifest: Document;
  /** Whether the manifest names `EMPTY_LAYER`, which has then to be beside it. */
  needsEmptyLayer: boolean;
  /** What could not be kept, one printable line each. */
  lost: string[];
}

/**
 * schema2 or OCI → schema1. Throws `UNSUPPORTED` for what is no image, for layers that Docker of that age
 * cannot read or find, and where a guarded loss is not forced; `INVALID_MANIFEST` as `toSchema1` does.
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

/** Throws for layers without a type of Docker's, and for foreign ones: schema1 has no place for their URLs. */
function refuseLayer({ mediaType, digest }: Descriptor): void {
  layerTypeFor(mediaType, 'docker', digest);
  if (isNonDistributable(mediaType)) {
    throw new ContentError('UNSUPPORTED', `layer ${digest} is foreign, and schema1 cannot say where it is`);
  }
}

/** A signed manifest's digest is that of its payload, its size that of all its bytes. */
function schema1Document(payload: Buffer, key: KeyObject | undefined, time: Date | undefined): Document {
  if (key === undefined) return documentOf(MEDIA_TYPE.dockerSchema1, payload);
  const bytes = signSchema1(payload, key, time === undefined ? {} : { time });
  const { length: size } = bytes;
  return {
    descriptor: { mediaType: MEDIA_TYPE.dockerSchema1Signed, digest: digestOf(payload), size },
    bytes,
  };
}

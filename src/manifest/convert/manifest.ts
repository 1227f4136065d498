import type { Descriptor } from '../../content/descriptor.js';
import { type Digest, digestOf } from '../../content/digest.js';
import { MEDIA_TYPE } from '../../content/media-types.js';
import { DEFAULT_PLATFORM, type Platform } from '../../content/platform.js';
import { isLadingError } from '../../errors.js';
import { editJSON, inList, inObject, type JSONEdit, REMOVE, set } from '../json/edit.js';
import { layerTypeFor } from '../layer-types.js';
import type { ImageManifest } from '../oci.js';
import { lostOCIMembers, withoutOCIMembers } from '../oci-members.js';
import { convertedConfig } from './config.js';
import {
  type ConversionGuards,
  type ConversionTarget,
  type Document,
  documentOf,
  guardedLosses,
  type KnownManifest,
} from './conversion.js';
import { parseImage } from './parse-image.js';

export interface ConvertManifestOptions extends ConversionGuards, KnownManifest {
  /** The manifest's digest, for errors and what is lost; computed if not given. */
  where?: string;
  /** Layers that were compressed anew, by the digest that the manifest has for them. */
  layers?: ReadonlyMap<Digest, Descriptor>;
  /** The config's bytes. Given, it is held to the target's rules, and completed where those ask for more. */
  config?: Uint8Array;
  /** What an image runs on whose config does not say it; default linux/amd64, which was all there was. */
  platform?: Platform;
}

export interface ConvertedManifest {
  manifest: Document;
  /** A new config, where the old one could not be kept; nearly always it can. */
  config?: Document;
  /** What could not be kept, one printable line each. */
  lost: string[];
  /** Whether converting back gives the original bytes. */
  reversible: boolean;
}

const TYPES = {
  oci: { manifest: MEDIA_TYPE.ociManifest, config: MEDIA_TYPE.ociConfig },
  docker: { manifest: MEDIA_TYPE.dockerManifest, config: MEDIA_TYPE.dockerConfig },
} as const;

/**
 * schema2 ↔ OCI. Media types change in place and all else keeps its bytes, the config with it, so that the
 * image ID stays and converting back gives the original; only members that Docker's format has not are left
 * out. Throws `UNSUPPORTED` for what is no image (see `keptAs`), for layers that the target has no type for,
 * and where a guarded loss is not forced.
 */
export function convertManifest(
  bytes: Uint8Array,
  target: ConversionTarget,
  options: ConvertManifestOptions = {},
): ConvertedManifest {
  const { where = digestOf(bytes), layers = new Map<Digest, Descriptor>() } = options;
  const image = parseImage(bytes, where, options);
  const source = familyOf(image);
  const crosses = source !== target;
  const config = configFor(image, target, options);
  const edits = manifestEdits(image, target, { layers, config: config?.descriptor });
  const manifest = documentOf(TYPES[target].manifest, editJSON(bytes, edits));
  const isSame = manifest.bytes.equals(bytes);
  return {
    manifest,
    ...(config === undefined ? {} : { config }),
    lost: [
      ...(isSame ? [] : guardedLosses(crosses ? image.subject : undefined, options, where)),
      ...(crosses ? lostOCIMembers(bytes, target, where) : []),
    ],
    reversible: isSame || convertsBackTo(bytes, manifest.bytes, source),
  };
}

function familyOf({ format }: ImageManifest): ConversionTarget {
  return format === 'oci-manifest' ? 'oci' : 'docker';
}

function configFor(
  { config: { digest } }: ImageManifest,
  target: ConversionTarget,
  { config, platform = DEFAULT_PLATFORM }: ConvertManifestOptions,
): Document | undefined {
  return config === undefined ? undefined : convertedConfig(config, target, { digest, platform });
}

interface Replacements {
  layers: ReadonlyMap<Digest, Descriptor>;
  config: Descriptor | undefined;
}

function manifestEdits(image: ImageManifest, target: ConversionTarget, replaced: Replacements): JSONEdit {
  const crosses = familyOf(image) !== target;
  const layers = image.layers.map((layer) => layerEdits(layer, target, { crosses, replaced }));
  return inObject({
    ...(crosses ? withoutOCIMembers(target).manifest : {}),
    ...(crosses ? { mediaType: set(TYPES[target].manifest, 'schemaVersion') } : {}),
    config: inObject({
      ...(replaced.config === undefined ? {} : contentEdits(replaced.config)),
      ...(crosses ? withoutOCIMembers(target).content : {}),
      ...(crosses ? { mediaType: set(TYPES[target].config) } : {}),
    }),
    // Null is Docker's other spelling of an empty list, not OCI's.
    layers: crosses && layers.length === 0 ? set([]) : inList(layers),
  });
}

function layerEdits(
  layer: Descriptor,
  target: ConversionTarget,
  { crosses, replaced }: { crosses: boolean; replaced: Replacements },
): JSONEdit {
  const replacement = replaced.layers.get(layer.digest);
  if (!crosses && replacement === undefined) return inObject({});
  const { mediaType } = replacement ?? layer;
  return inObject({
    mediaType: set(layerTypeFor(mediaType, target, layer.digest)),
    ...(replacement === undefined ? {} : { ...contentEdits(replacement), ...staleAnnotations(layer) }),
    ...(crosses ? withoutOCIMembers(target).content : {}),
  });
}

/** A descriptor's members that go with other bytes. */
function contentEdits({ digest, size }: Descriptor): Record<string, JSONEdit> {
  return { digest: set(digest), size: set(size), data: REMOVE, urls: REMOVE };
}

/** Annotations that describe the compressed bytes: indexes into them, for layers that are read in part. */
const OF_COMPRESSED_BYTES = /^(?:containerd\.io\/snapshot\/|io\.github\.containers\.zstd-chunked\.)/;

function staleAnnotations({ annotations = {} }: Descriptor): Record<string, JSONEdit> {
  const stale = Object.keys(annotations).filter((name) => OF_COMPRESSED_BYTES.test(name));
  if (stale.length === 0) return {};
  return { annotations: inObject(Object.fromEntries(stale.map((name) => [name, REMOVE]))) };
}

/** Tried rather than reasoned: a mediaType that was not there, a mixture of families do not come back. */
function convertsBackTo(original: Uint8Array, converted: Uint8Array, source: ConversionTarget): boolean {
  try {
    const image = parseImage(converted, digestOf(converted));
    const edits = manifestEdits(image, source, { layers: new Map(), config: undefined });
    return editJSON(converted, edits).equals(original);
  } catch (error) {
    if (isLadingError(error, 'UNSUPPORTED')) return false;
    throw error;
  }
}

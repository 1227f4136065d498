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
  /** The manifest's digest, for errors and `lost`; computed if not given. */
  where?: string;
  /** Layers that were compressed again, by their digests in the manifest. */
  layers?: ReadonlyMap<Digest, Descriptor>;
  /** The config's bytes. If given, it is checked and completed by the rules of the target. */
  config?: Uint8Array;
  /** The platform of an image whose config has none; default linux/amd64, the only one when configs had none. */
  platform?: Platform;
}

export interface ConvertedManifest {
  manifest: Document;
  /** A new config; set only in the rare case that the old one cannot be kept. */
  config?: Document;
  /** What could not be kept, each as one printable line. */
  lost: string[];
  /** True if converting back gives the original bytes. */
  reversible: boolean;
}

const TYPES = {
  oci: { manifest: MEDIA_TYPE.ociManifest, config: MEDIA_TYPE.ociConfig },
  docker: { manifest: MEDIA_TYPE.dockerManifest, config: MEDIA_TYPE.dockerConfig },
} as const;

/**
 * Converts schema2 to OCI or back. Media types are replaced, and everything else keeps its bytes, including the config,
 * so that the image ID stays and converting back gives the original. Only members that Docker's format does not have
 * are removed. Throws `UNSUPPORTED` if it is not an image (see `keptAs`), for layers that the target has no type for,
 * and for a guarded loss without `force`.
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
    // Docker may write null for an empty list, OCI may not.
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

/** Returns the edits of a descriptor for other bytes. */
function contentEdits({ digest, size }: Descriptor): Record<string, JSONEdit> {
  return { digest: set(digest), size: set(size), data: REMOVE, urls: REMOVE };
}

/** Annotations that are only true for the old compressed bytes, such as indexes for reading layers in parts. */
const OF_COMPRESSED_BYTES = /^(?:containerd\.io\/snapshot\/|io\.github\.containers\.zstd-chunked\.)/;

function staleAnnotations({ annotations = {} }: Descriptor): Record<string, JSONEdit> {
  const stale = Object.keys(annotations).filter((name) => OF_COMPRESSED_BYTES.test(name));
  if (stale.length === 0) return {};
  return { annotations: inObject(Object.fromEntries(stale.map((name) => [name, REMOVE]))) };
}

/** Converts back and compares. The result differs, for example, if a mediaType was added, or if types were mixed. */
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

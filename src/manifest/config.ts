import type { Descriptor } from '../content/descriptor.js';
import type { Digest } from '../content/digest.js';
import { MEDIA_TYPE } from '../content/media-types.js';
import type { ContainerConfigDocument, HistoryDocument } from './documents.js';
import { parseJSON } from './json.js';
import { MAX_CONFIG_BYTES } from './limits.js';
import { type Present, withoutNulls } from './nulls.js';
import { validate } from './schema.js';
import { CONFIG } from './shapes.js';

export type ContainerConfig = Present<ContainerConfigDocument>;
export type HistoryEntry = Present<HistoryDocument>;

/** An image's config, Docker's or OCI's. Members that lading does not read stay in its bytes. (image-spec, config.md) */
export interface ImageConfig {
  /** `linux` and `""` where an old config leaves them out. */
  os: string;
  architecture: string;
  variant?: string;
  'os.version'?: string;
  'os.features'?: string[];
  created?: string;
  author?: string;
  config: ContainerConfig;
  /** diffIDs are of the uncompressed layers, base first; only Windows has a base layer beneath them. */
  rootfs: { type: 'layers' | 'layers+base'; diff_ids: Digest[]; base_layer?: string };
  /** Empty where there is none. */
  history: HistoryEntry[];
}

/**
 * A config's bytes → config; throws `INVALID_MANIFEST` or `TOO_LARGE`. It is held to OCI's rules where
 * `mediaType` says that it is OCI's, else to Docker's, which are wider.
 */
export function parseConfig(
  bytes: Uint8Array,
  where: string,
  options: { mediaType?: string | undefined } = {},
): ImageConfig {
  const document = parseJSON(bytes, { shape: CONFIG, what: where, maxBytes: MAX_CONFIG_BYTES });
  validate(options.mediaType === MEDIA_TYPE.ociConfig ? 'oci-config' : 'docker-config', document, where);
  const { os, architecture, variant, created, author, config, rootfs, history } = document;
  return {
    os: os ?? 'linux',
    architecture: architecture ?? '',
    ...withoutNulls({
      variant,
      'os.version': document['os.version'],
      'os.features': document['os.features'],
      created,
      author,
    }),
    config: readContainerConfig(config ?? {}),
    rootfs: {
      type: rootfs.type,
      diff_ids: rootfs.diff_ids ?? [],
      ...withoutNulls({ base_layer: rootfs.base_layer }),
    },
    history: (history ?? []).map(withoutNulls),
  };
}

function readContainerConfig(document: ContainerConfigDocument): ContainerConfig {
  const { Labels, ...config } = withoutNulls(document);
  return Labels === undefined ? config : { ...config, Labels: { ...Labels } };
}

/** A layer, and the build step that made it where that is known. */
export interface LayerHistory {
  layer: Descriptor;
  createdBy: string | undefined;
}

/**
 * Pairs layers with the history entries that made one. Where their numbers differ nothing says which
 * belongs to which, and none is named.
 */
export function historyOf(config: ImageConfig, layers: readonly Descriptor[]): LayerHistory[] {
  const steps = config.history.filter((entry) => entry.empty_layer !== true);
  const paired = steps.length === layers.length;
  return layers.map((layer, index) => ({
    layer,
    createdBy: paired ? steps[index]?.created_by : undefined,
  }));
}

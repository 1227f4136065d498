import type { Descriptor } from '../content/descriptor.js';
import { type Digest, isDigest } from '../content/digest.js';
import { MEDIA_TYPE } from '../content/media-types.js';
import { ContentError, isLadingError } from '../errors.js';
import type { ContainerConfigDocument, HistoryDocument } from './documents.js';
import { EVERY_ENGINE, type Irregularity, irregularityOf } from './irregular.js';
import { isJSONObject, type JSONObject, parseJSON } from './json/json.js';
import { objectOf, textOf, textsIn, textsOf } from './json/members.js';
import { type Present, withoutNulls } from './json/nulls.js';
import { MAX_CONFIG_BYTES } from './limits.js';
import { CONFIG } from './shapes.js';

export type ContainerConfig = Present<ContainerConfigDocument>;
export type HistoryEntry = Present<HistoryDocument>;

/** A Docker or OCI image config; members that lading does not read are only in its bytes. (image-spec, config.md) */
export interface ImageConfig {
  /** `os` is `linux` and `architecture` is `''` if an old config does not have them. */
  os: string;
  architecture: string;
  variant?: string;
  'os.version'?: string;
  'os.features'?: string[];
  created?: string;
  author?: string;
  config: ContainerConfig;
  /** The digests of the uncompressed layers, base first. Only Windows images have a base layer below them. */
  rootfs: { type: 'layers' | 'layers+base'; diff_ids: Digest[]; base_layer?: string };
  /** Empty if the config has no history. */
  history: HistoryEntry[];
  /** Set if the config violates its schema. */
  irregular?: Irregularity;
}

/**
 * Parses a config. Throws `INVALID_MANIFEST` if it is not a JSON object, and `TOO_LARGE`. If it violates its schema,
 * `irregular` is set, and members of a wrong type are treated as missing. The schema is OCI's if `mediaType` is OCI's,
 * and otherwise Docker's, which allows more.
 */
export function parseConfig(
  bytes: Uint8Array,
  where: string,
  options: { mediaType?: string | undefined } = {},
): ImageConfig {
  const document = parseJSON(bytes, { shape: CONFIG, what: where, maxBytes: MAX_CONFIG_BYTES });
  const kind = options.mediaType === MEDIA_TYPE.ociConfig ? 'oci-config' : 'docker-config';
  if (!isJSONObject(document))
    throw new ContentError('INVALID_MANIFEST', `${where} is not a valid ${kind}: it is not a JSON object`);
  const irregular = irregularityOf(kind, document);
  const { history } = document;
  return {
    os: textOf(document.os) ?? 'linux',
    architecture: textOf(document.architecture) ?? '',
    ...withoutNulls({
      variant: textOf(document.variant),
      'os.version': textOf(document['os.version']),
      'os.features': textsOf(document['os.features']),
      created: textOf(document.created),
      author: textOf(document.author),
    }),
    config: readContainerConfig(objectOf(document.config) ?? {}),
    rootfs: readRootFS(objectOf(document.rootfs) ?? {}),
    history: Array.isArray(history) ? history.filter(isJSONObject).map(readHistory) : [],
    ...(irregular && { irregular }),
  };
}

/**
 * Like `parseConfig`, for content that is only copied or shown. If no tool can find an object in the bytes (an empty
 * file, text, `null`), it returns an empty config that no engine can run. Still throws if tools could read the bytes
 * differently.
 */
export function parseCarriedConfig(
  bytes: Uint8Array,
  where: string,
  options: { mediaType?: string | undefined } = {},
): ImageConfig {
  try {
    return parseConfig(bytes, where, options);
  } catch (error) {
    if (!isLadingError(error, 'INVALID_MANIFEST') || mayBeRead(bytes)) throw error;
    const problem = error.message.startsWith(`${where} `)
      ? error.message.slice(where.length + 1)
      : error.message;
    return {
      os: 'linux',
      architecture: '',
      config: {},
      rootfs: { type: 'layers', diff_ids: [] },
      history: [],
      irregular: { problem: `the config ${problem}`, place: '', refusedBy: EVERY_ENGINE },
    };
  }
}

/**
 * True if a less strict parser could find an object, for example after a comment or a byte-order mark, or a cut one.
 */
function mayBeRead(bytes: Uint8Array): boolean {
  return bytes.includes('{'.charCodeAt(0));
}

/** Keeps members that lading does not know. */
function readContainerConfig(document: JSONObject): ContainerConfig {
  return withoutNulls({
    ...document,
    User: textOf(document.User),
    ExposedPorts: objectOf(document.ExposedPorts),
    Env: textsOf(document.Env),
    Entrypoint: textsOf(document.Entrypoint),
    Cmd: textsOf(document.Cmd),
    Volumes: objectOf(document.Volumes),
    WorkingDir: textOf(document.WorkingDir),
    Labels: textsIn(document.Labels),
    StopSignal: textOf(document.StopSignal),
  });
}

function readRootFS(document: JSONObject): ImageConfig['rootfs'] {
  const { diff_ids: diffIDs, base_layer: baseLayer } = document;
  return {
    type: document.type === 'layers+base' ? 'layers+base' : 'layers',
    // If one is invalid, none can be used: only their order says which layer each belongs to.
    diff_ids: Array.isArray(diffIDs) && diffIDs.every((diffID) => isDigest(diffID)) ? diffIDs : [],
    ...withoutNulls({ base_layer: textOf(baseLayer) }),
  };
}

function readHistory(entry: JSONObject): HistoryEntry {
  return withoutNulls({
    ...entry,
    created: textOf(entry.created),
    created_by: textOf(entry.created_by),
    author: textOf(entry.author),
    comment: textOf(entry.comment),
    empty_layer: typeof entry.empty_layer === 'boolean' ? entry.empty_layer : undefined,
  });
}

/** A layer, and the command of the build step that made it, if known. */
export interface LayerHistory {
  layer: Descriptor;
  createdBy: string | undefined;
}

/**
 * Pairs layers with the history entries of the steps that made them. If their numbers differ, they cannot be paired,
 * and `createdBy` is undefined for all.
 */
export function historyOf(config: ImageConfig, layers: readonly Descriptor[]): LayerHistory[] {
  const steps = config.history.filter((entry) => entry.empty_layer !== true);
  const paired = steps.length === layers.length;
  return layers.map((layer, index) => ({
    layer,
    createdBy: paired ? steps[index]?.created_by : undefined,
  }));
}

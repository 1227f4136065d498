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
  /** What its schema does not allow, where it has such. */
  irregular?: Irregularity;
}

/**
 * A config's bytes → config; throws `INVALID_MANIFEST` or `TOO_LARGE` for what is no JSON object. What its schema
 * does not allow is in `irregular`, and members of another type are read as if they were not there. The schema is OCI's
 * where `mediaType` says that it is OCI's, else Docker's, which is wider.
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
 * The same for content that is only moved or shown: where no tool can find an object (an empty file, a text, `null`), the
 * config is one that says nothing and that no engine runs. What can be read in two ways stays refused.
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

/** Whether a reader that is less strict may find an object in it: behind a comment or a byte-order mark, or a part of one. */
function mayBeRead(bytes: Uint8Array): boolean {
  return bytes.includes('{'.charCodeAt(0));
}

/** Members that lading does not know stay. */
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
    // All or none, because only their order says which layer each of them belongs to.
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

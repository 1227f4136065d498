import type { Digest } from '../../content/digest.js';
import { printable } from '../../errors.js';
import { type GoValue, goJSON, RawJSON, rawMembers } from '../json/go-json.js';
import { goTime } from '../json/go-time.js';
import { isJSONObject, parseJSON } from '../json/json.js';
import { MAX_CONFIG_BYTES } from '../limits.js';
import { CONFIG } from '../shapes.js';
import { parseV1Image, type V1Image } from './image.js';
import { notInV1Struct, throughV1Struct } from './struct.js';

/** An image of Docker before 1.10, to be converted to a history entry of a config. */
export interface V1HistoryEntry {
  image: V1Image;
  where: string;
  /** True if it changed no file, and so has no diffID. */
  emptyLayer: boolean;
}

/** Docker before this version wrote settings of its own into images, which are removed. (moby, image/v1) */
const CLEAN_SINCE = '1.8.3';
/** Members that describe a v1 image itself, or its place in the chain. */
const V1_MEMBERS = ['id', 'parent', 'Size', 'parent_id', 'layer_id', 'throwaway'];

/**
 * Makes the config that Docker 1.10 and later make for an older image: the JSON of the top image, with the diffIDs and
 * the history of all images, base first. `lost` names the members of the top image that are not kept. (moby, image/v1,
 * `MakeConfigFromV1Config`; containers/image, `ToSchema2Config`)
 */
export function configOfV1(
  top: Buffer,
  { history, diffIDs, isOld }: { history: V1HistoryEntry[]; diffIDs: readonly Digest[]; isOld: boolean },
  where: string,
): { config: Buffer; lost: string[] } {
  const members = isOld ? rewrittenMembers(top, where) : rawMembers(top.toString());
  for (const name of V1_MEMBERS) members.delete(name);
  const rootfs = { type: 'layers', diff_ids: diffIDs.length === 0 ? undefined : diffIDs };
  const config = new Map<string, GoValue>(members)
    .set('rootfs', new RawJSON(goJSON(rootfs)))
    .set('history', history.map(historyEntry));
  return { config: Buffer.from(goJSON(config)), lost: isOld ? lostMembers(top, where) : [] };
}

/** True for versions of Docker before 1.8.3, from whose images some members are removed. */
export function isOfOldDocker(version: string): boolean {
  const [parts, limit] = [version, CLEAN_SINCE].map((text) => text.split('.').map(versionPart));
  for (const [place, required] of (limit ?? []).entries()) {
    const part = parts?.[place] ?? 0;
    if (part !== required) return part < required;
  }
  return false;
}

/** Returns 0 for a part that is not a number, such as `3-rc1`. (docker, api/types/versions) */
function versionPart(text: string): number {
  return /^\d+$/.test(text) ? Number(text) : 0;
}

function rewrittenMembers(top: Buffer, where: string): Map<string, RawJSON> {
  return rawMembers(goJSON(throughV1Struct(readObject(top, where), where)));
}

function lostMembers(top: Buffer, where: string): string[] {
  const members = notInV1Struct(readObject(top, where)).filter((name) => !V1_MEMBERS.includes(name));
  return members.map((name) =>
    printable(`the member ${name} of the image, which Docker before ${CLEAN_SINCE} wrote`),
  );
}

function readObject(bytes: Buffer, where: string) {
  const document = parseJSON(bytes, { shape: CONFIG, what: where, maxBytes: MAX_CONFIG_BYTES });
  return isJSONObject(document) ? document : {}; // parseV1Image refuses anything else
}

function historyEntry({ image, where, emptyLayer }: V1HistoryEntry): GoValue {
  const { created, author, comment, container_config: container } = image;
  return {
    created: goTime(created, where),
    author: author || undefined,
    created_by: container?.Cmd?.join(' ') || undefined,
    comment: comment || undefined,
    empty_layer: emptyLayer || undefined,
  };
}

/** A parsed v1 image, with its bytes, which have the members that lading does not read. */
export interface V1Document {
  bytes: Buffer;
  image: V1Image;
  where: string;
}

export function readV1Document(bytes: Buffer, where: string): V1Document {
  return { bytes, image: parseV1Image(bytes, where), where };
}

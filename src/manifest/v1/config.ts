import type { Digest } from '../../content/digest.js';
import { printable } from '../../errors.js';
import { type GoValue, goJSON, RawJSON, rawMembers } from '../json/go-json.js';
import { goTime } from '../json/go-time.js';
import { isJSONObject, parseJSON } from '../json/json.js';
import { MAX_CONFIG_BYTES } from '../limits.js';
import { CONFIG } from '../shapes.js';
import { parseV1Image, type V1Image } from './image.js';
import { notInV1Struct, throughV1Struct } from './struct.js';

/** An image of Docker before 1.10 that becomes an entry of a config's history. */
export interface V1HistoryEntry {
  image: V1Image;
  where: string;
  /** Whether it changed no file, and so has no diffID. */
  emptyLayer: boolean;
}

/** Docker before this version wrote its own settings into images; they are taken out. (moby, image/v1) */
const CLEAN_SINCE = '1.8.3';
/** What was a v1 image's own, or its place in the chain. */
const V1_MEMBERS = ['id', 'parent', 'Size', 'parent_id', 'layer_id', 'throwaway'];

/**
 * The config that Docker 1.10 and later give an image of before: the top image's JSON, with the diffIDs and
 * the history of all, base first. `lost` names the members of the top image that it does not keep.
 * (moby, image/v1, `MakeConfigFromV1Config`; containers/image, `ToSchema2Config`)
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

/** Whether an image's JSON is of a Docker whose members are not kept as they are. */
export function isOfOldDocker(version: string): boolean {
  const [parts, limit] = [version, CLEAN_SINCE].map((text) => text.split('.').map(versionPart));
  for (const [place, required] of (limit ?? []).entries()) {
    const part = parts?.[place] ?? 0;
    if (part !== required) return part < required;
  }
  return false;
}

/** What is no number counts as 0, as `3-rc1` does. (docker, api/types/versions) */
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
  return isJSONObject(document) ? document : {}; // parseV1Image has refused anything else
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

/** A v1 image's JSON, and its bytes for those members that lading does not read. */
export interface V1Document {
  bytes: Buffer;
  image: V1Image;
  where: string;
}

export function readV1Document(bytes: Buffer, where: string): V1Document {
  return { bytes, image: parseV1Image(bytes, where), where };
}

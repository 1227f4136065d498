import { digestOf, encodedOf } from '../../content/digest.js';
import { ContentError } from '../../errors.js';
import { chainIDs } from '../chain-id.js';
import { parseConfig } from '../config.js';
import { type GoValue, goJSON, rawMembers } from '../json/go-json.js';
import { isJSONObject, type JSONObject, parseJSON } from '../json/json.js';
import { CONFIG } from '../shapes.js';
import { throughV1Struct } from './struct.js';

/** The folder of a layer in an archive that Docker before 1.10 can load. */
export interface V1Folder {
  v1ID: string;
  /** The content of its file `json`. */
  json: Buffer;
}

/** The time that Docker writes for lower layers, whose original JSON is not known. */
const EPOCH = '1970-01-01T00:00:00Z';

/**
 * Returns a folder for each layer of an image, base first, as `docker save` of Docker 1.10 to 24 wrote them. Throws
 * `UNSUPPORTED` for an image without layers, which this format cannot have.
 * (moby, image/tarexport, `saveImage`; image/v1, `CreateID`)
 */
export function v1FoldersOf(config: Uint8Array, where = 'the config'): V1Folder[] {
  const { rootfs } = parseConfig(config, where);
  if (rootfs.diff_ids.length === 0) {
    throw new ContentError(
      'UNSUPPORTED',
      `${where} has no layers, which an archive for old Docker must have`,
    );
  }
  const document = readObject(config, where);
  const folders: V1Folder[] = [];
  for (const [place, chainID] of chainIDs(rootfs.diff_ids).entries()) {
    const isTop = place === rootfs.diff_ids.length - 1;
    const parent = folders.at(-1)?.v1ID;
    folders.push(
      folderOf(isTop ? document : { created: EPOCH }, { chainID, parent, os: document.os }, where),
    );
  }
  return folders;
}

function readObject(config: Uint8Array, where: string): JSONObject {
  const document = parseJSON(config, { shape: CONFIG, what: where });
  // These members of a config do not describe its v1 image.
  return isJSONObject(document) ? { ...document, id: null, parent: null } : {};
}

function folderOf(
  image: JSONObject,
  { chainID, parent, os }: { chainID: string; parent: string | undefined; os: unknown },
  where: string,
): V1Folder {
  const identity = new Map<string, GoValue>(rawMembers(goJSON(throughV1Struct(image, where))));
  identity.set('layer_id', chainID);
  if (parent !== undefined) identity.set('parent', `sha256:${parent}`);
  const v1ID = encodedOf(digestOf(Buffer.from(goJSON(identity))));
  const json = goJSON(throughV1Struct({ ...image, id: v1ID, parent, os }, where));
  return { v1ID, json: Buffer.from(json) };
}

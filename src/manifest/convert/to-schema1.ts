import { createHash } from 'node:crypto';
import { type Digest, encodedOf } from '../../content/digest.js';
import { ContentError, printable } from '../../errors.js';
import { type HistoryEntry, type ImageConfig, parseConfig } from '../config.js';
import { type GoValue, goIndentedJSON, goJSON, rawMembers } from '../json/go-json.js';
import { goTime } from '../json/go-time.js';
import { shorten } from '../json/json.js';
import { parseV1Image } from '../v1/image.js';
import { EMPTY_LAYER } from './empty-layer.js';

export interface Schema1Input {
  /** The repository and the tag to write into the manifest. Registries write the name without a host. */
  name: string;
  tag: string;
  config: Uint8Array;
  /** The digests of the layers, base first. */
  layers: readonly Digest[];
}

export interface Schema1Result {
  /** The manifest without signatures; a signed manifest has the same digest. */
  payload: Buffer;
  /** True if the manifest has `EMPTY_LAYER`, which must then be stored with it. */
  needsEmptyLayer: boolean;
  /** What could not be kept, each as one printable line. */
  lost: string[];
}

/**
 * Converts an image to a schema1 manifest with the same bytes as that of Docker's registry. Throws `INVALID_MANIFEST`
 * if the history in the config does not have an entry for each layer. (distribution 2.8, manifest/schema1,
 * `configManifestBuilder`)
 */
export function toSchema1({ name, tag, config, layers }: Schema1Input, where = 'the config'): Schema1Result {
  const image = parseConfig(config, where);
  const { architecture } = image;
  const steps = stepsOf(image, layers, where);
  const ids = v1IDs(steps, image.rootfs.base_layer, config);
  const top = topEntry(config, { ...ids[steps.length - 1], emptyLayer: steps.at(-1)?.history.empty_layer });
  const entries = steps.map((step, place) =>
    place === steps.length - 1 ? top.json : lowerEntry(step, ids[place], where),
  );
  const payload = goIndentedJSON({
    schemaVersion: 1,
    name,
    tag,
    architecture,
    fsLayers: steps.map(({ blob }) => ({ blobSum: blob })).reverse(),
    history: entries.map((v1Compatibility) => ({ v1Compatibility })).reverse(),
  });
  return {
    payload: Buffer.from(payload),
    needsEmptyLayer: steps.some(({ blob }) => blob === EMPTY_LAYER.digest),
    lost: [...top.lost, ...lostInHistory(image, top.json, where), ...lostBaseLayer(image)].map(printable),
  };
}

/** A build step, and its layer or the empty layer. */
interface Step {
  history: HistoryEntry;
  blob: Digest;
}

interface V1Identity {
  id: string;
  parent: string | undefined;
}

/** Throws the same errors as distribution, and one for layers without a history entry, which distribution drops. */
function stepsOf({ history, rootfs }: ImageConfig, layers: readonly Digest[], where: string): Step[] {
  if (history.length === 0)
    throw inconvertible(where, 'empty history when trying to create schema1 manifest');
  if (rootfs.diff_ids.length !== layers.length)
    throw inconvertible(where, `it has ${rootfs.diff_ids.length} diffIDs for ${layers.length} layers`);
  let next = 0;
  const steps = history.map((entry) => {
    const blob = entry.empty_layer === true ? EMPTY_LAYER.digest : layers[next++];
    if (blob === undefined) throw inconvertible(where, 'too many non-empty layers in History section');
    return { history: entry, blob };
  });
  if (next < layers.length)
    throw inconvertible(where, `its history accounts for ${next} of ${layers.length} layers`);
  return steps;
}

function v1IDs(steps: readonly Step[], baseLayer: string | undefined, config: Uint8Array): V1Identity[] {
  const ids: V1Identity[] = [];
  let parent: string | undefined;
  for (const [place, { blob }] of steps.entries()) {
    const hash = createHash('sha256').update(`${encodedOf(blob)} ${parent ?? ''}`);
    const isTop = place === steps.length - 1;
    const id = (isTop ? hash.update(' ').update(config) : hash).digest('hex');
    // A Windows base layer is the parent of the lowest entry, but not part of its ID. With only one entry it is lost.
    if (place === 0 && !isTop && baseLayer) parent = windowsBaseID(baseLayer);
    ids.push({ id, parent });
    parent = id;
  }
  return ids;
}

function windowsBaseID(baseLayer: string): string {
  return createHash('sha384').update(baseLayer).digest().subarray(0, 32).toString('hex');
}

function lowerEntry({ history }: Step, { id, parent }: Partial<V1Identity> = {}, where: string): string {
  return goJSON({
    id,
    parent,
    comment: history.comment || undefined,
    created: goTime(history.created, where),
    container_config: { Cmd: [history.created_by ?? ''] },
    author: history.author || undefined,
    throwaway: history.empty_layer || undefined,
  });
}

/** Returns the top entry: the config as a v1 image. The text of its members is kept. */
function topEntry(
  config: Uint8Array,
  { id, parent, emptyLayer }: Partial<V1Identity> & { emptyLayer: boolean | undefined },
): { json: string; lost: string[] } {
  const members = new Map<string, GoValue>(rawMembers(Buffer.from(config).toString()));
  // distribution keeps these members of the config, which would be wrong for the entry.
  const foreign = ['id', 'parent', 'throwaway'].filter((name) => members.delete(name));
  members.delete('rootfs');
  members.delete('history');
  if (id !== undefined) members.set('id', id);
  if (parent !== undefined) members.set('parent', parent);
  if (emptyLayer === true) members.set('throwaway', true);
  const lost = foreign.map((name) => `the config's member ${name}, which has another meaning in schema1`);
  return { json: goJSON(members), lost };
}

/** Returns what is lost of the last history entry: the top entry of schema1 is the config, and has no place for it. */
function lostInHistory(image: ImageConfig, top: string, where: string): string[] {
  const last = image.history.at(-1) ?? {};
  const { created, author, comment, container_config: container } = parseV1Image(Buffer.from(top), where);
  const kept = { created, author, comment, created_by: container?.Cmd?.join(' ') };
  return (['created', 'created_by', 'author', 'comment'] as const)
    .filter((member) => last[member] && last[member] !== kept[member])
    .map((member) => `${member} of the last history entry: ${shorten(last[member] ?? '')}`);
}

function lostBaseLayer({ rootfs }: ImageConfig): string[] {
  return rootfs.base_layer ? [`the Windows base layer ${rootfs.base_layer}`] : [];
}

function inconvertible(where: string, problem: string): ContentError {
  return new ContentError('INVALID_MANIFEST', `${where} cannot be converted to schema1: ${problem}`);
}

import type { Digest } from '../../content/digest.js';
import { MEDIA_TYPE } from '../../content/media-types.js';
import { ContentError, printable } from '../../errors.js';
import { goJSON } from '../json/go-json.js';
import type { Schema1Manifest } from '../schema1/schema1.js';
import { configOfV1, isOfOldDocker, readV1Document, type V1Document } from '../v1/config.js';
import { type Document, documentOf } from './conversion.js';

/** What a schema1 manifest does not say of a layer, and its bytes do. */
export interface Schema1Layer {
  /** Bytes as stored. */
  size: number;
  diffID: Digest;
  /** Set for a layer that is a tar as it is; the others keep the type of gzip, which they nearly always are. */
  uncompressed?: boolean;
}

export interface FromSchema1 {
  /** schema2; `convertManifest` makes OCI's of it. */
  manifest: Document;
  config: Document;
  /** What could not be kept, one printable line each. */
  lost: string[];
}

/** An entry of a schema1 manifest that is a step of the image. */
interface Entry extends V1Document {
  blob: Digest;
}

/**
 * The layers that the image of a schema1 manifest has, base first: without those that its history calls
 * empty, whatever their bytes. A layer may stand there several times. Throws `INVALID_MANIFEST` where the
 * history is not one chain of images.
 */
export function layersOfSchema1(manifest: Schema1Manifest, where = 'the schema1 manifest'): Digest[] {
  return entriesOf(manifest, where)
    .filter(isLayer)
    .map(({ blob }) => blob);
}

/**
 * A schema1 manifest as schema2: the config that Docker rebuilds from the history, and a manifest, both byte
 * for byte as containers/image writes them. `layers` has what was found out about each of
 * `layersOfSchema1`; one that it lacks is `MISSING_CONTENT`.
 */
export function fromSchema1(
  manifest: Schema1Manifest,
  layers: ReadonlyMap<Digest, Schema1Layer>,
  where = 'the schema1 manifest',
): FromSchema1 {
  const entries = entriesOf(manifest, where);
  const used = entries.filter(isLayer).map(({ blob }) => ({ blob, layer: layerOf(blob, layers, where) }));
  const { config, lost } = configOf(
    entries,
    used.map(({ layer }) => layer.diffID),
    where,
  );
  const configDocument = documentOf(MEDIA_TYPE.dockerConfig, config);
  const { mediaType, digest, size } = configDocument.descriptor;
  const document = goJSON({
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.dockerManifest,
    config: { mediaType, size, digest },
    layers: used.map(({ blob, layer }) => ({
      mediaType: layer.uncompressed ? MEDIA_TYPE.dockerLayerTar : MEDIA_TYPE.dockerLayerGzip,
      size: layer.size,
      digest: blob,
    })),
  });
  return {
    manifest: documentOf(MEDIA_TYPE.dockerManifest, Buffer.from(document)),
    config: configDocument,
    lost: [...lostOf(manifest).map(printable), ...lost],
  };
}

/** The entries base first, with what containers/image and moby require of them. */
function entriesOf({ fsLayers, history }: Schema1Manifest, where: string): Entry[] {
  const all = fsLayers.map((blob, place) => ({
    blob,
    ...readV1Document(Buffer.from(history[place] ?? ''), `${where}, history entry ${place}`),
  }));
  // An image that stands there several times in a row is one; the lowest of them counts.
  const entries = all.filter(({ image }, place) => image.id !== all[place + 1]?.image.id).reverse();
  refuseRepeatedIDs(entries, where);
  refuseBrokenChain(entries, where);
  return entries;
}

function refuseRepeatedIDs(entries: readonly Entry[], where: string): void {
  const seen = new Set<string>();
  for (const { image } of entries) {
    if (seen.has(image.id)) throw invalid(where, `ID ${image.id} appears multiple times in manifest`);
    seen.add(image.id);
  }
}

function refuseBrokenChain(entries: readonly Entry[], where: string): void {
  let below: string | undefined;
  for (const { image } of entries) {
    if (below === undefined && image.parent !== undefined)
      throw invalid(where, 'Invalid parent ID in the base layer of the image');
    if (image.parent !== below)
      throw invalid(where, `Invalid parent ID. Expected ${below}, got ${image.parent ?? 'none'}`);
    below = image.id;
  }
}

/** `throwaway` alone says that there is no layer: `Size` 0 does not, for moby and containers/image. */
function isLayer({ image }: Entry): boolean {
  return image.throwaway !== true;
}

function layerOf(blob: Digest, layers: ReadonlyMap<Digest, Schema1Layer>, where: string): Schema1Layer {
  const layer = layers.get(blob);
  if (layer === undefined)
    throw new ContentError('MISSING_CONTENT', `${where} has the layer ${blob}, which is not there`);
  return layer;
}

function configOf(
  entries: readonly Entry[],
  diffIDs: readonly Digest[],
  where: string,
): { config: Buffer; lost: string[] } {
  const top = entries.at(-1);
  if (top === undefined) throw invalid(where, 'it has no layers');
  const history = entries.map((entry) => ({
    image: entry.image,
    where: entry.where,
    emptyLayer: !isLayer(entry),
  }));
  const { docker_version: version = '' } = top.image;
  return configOfV1(
    top.bytes,
    { history, diffIDs, isOld: version !== '' && isOfOldDocker(version) },
    top.where,
  );
}

function lostOf({ name, tag, signed }: Schema1Manifest): string[] {
  const lost = [`the name "${name}" and the tag "${tag}" inside of the manifest`];
  return signed ? [...lost, 'the signatures of the schema1 manifest'] : lost;
}

function invalid(where: string, problem: string): ContentError {
  return new ContentError('INVALID_MANIFEST', `${where} is not a valid docker-schema1: ${problem}`);
}

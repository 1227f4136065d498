import type { Digest } from '../../content/digest.js';
import { MEDIA_TYPE } from '../../content/media-types.js';
import { ContentError, printable } from '../../errors.js';
import { goJSON } from '../json/go-json.js';
import type { Schema1Manifest } from '../schema1/schema1.js';
import { configOfV1, isOfOldDocker, readV1Document, type V1Document } from '../v1/config.js';
import { type Document, documentOf } from './conversion.js';

/** Properties of a layer that are not in a schema1 manifest, and have to be read from the layer. */
export interface Schema1Layer {
  /** The number of bytes as stored. */
  size: number;
  diffID: Digest;
  /** Set for a layer that is an uncompressed tar. The others get the type of gzip, which is nearly always right. */
  uncompressed?: boolean;
}

export interface FromSchema1 {
  /** A schema2 manifest; `convertManifest` can convert it to OCI. */
  manifest: Document;
  config: Document;
  /** What could not be kept, each as one printable line. */
  lost: string[];
}

/** An entry of a schema1 manifest: a build step of the image. */
interface Entry extends V1Document {
  blob: Digest;
}

/**
 * Returns the layers of the image in a schema1 manifest, base first, without those that are empty according to the
 * history, whatever their bytes. A layer may occur several times. Throws `INVALID_MANIFEST` if the history is not one
 * chain of images.
 */
export function layersOfSchema1(manifest: Schema1Manifest, where = 'the schema1 manifest'): Digest[] {
  return entriesOf(manifest, where)
    .filter(isLayer)
    .map(({ blob }) => blob);
}

/**
 * Converts a schema1 manifest to schema2. Its config is the one that Docker rebuilds from the history; config and
 * manifest have the same bytes as those of containers/image. `layers` has the properties of all `layersOfSchema1`.
 * Throws `MISSING_CONTENT` if one is missing, and `INVALID_MANIFEST`.
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

/** Returns the entries, base first. Checks them as containers/image and moby do. */
function entriesOf({ fsLayers, history }: Schema1Manifest, where: string): Entry[] {
  const all = fsLayers.map((blob, place) => ({
    blob,
    ...readV1Document(Buffer.from(history[place] ?? ''), `${where}, history entry ${place}`),
  }));
  // Repetitions of an image in a row are one image; the lowest is used.
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

/** Only `throwaway` marks an entry without a layer: moby and containers/image do not look at a `Size` of 0. */
function isLayer({ image }: Entry): boolean {
  return image.throwaway !== true;
}

function layerOf(blob: Digest, layers: ReadonlyMap<Digest, Schema1Layer>, where: string): Schema1Layer {
  const layer = layers.get(blob);
  if (layer === undefined)
    throw new ContentError('MISSING_CONTENT', `${where} has the layer ${blob}, which is missing`);
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

import type { Descriptor } from '../../content/descriptor.js';
import { type Digest, digestOf } from '../../content/digest.js';
import { MEDIA_TYPE } from '../../content/media-types.js';
import { configOfV1Chain } from '../../manifest/v1/chain.js';
import { type ArchiveImage, makeImage } from './archive-image.js';
import { EMPTY_TAR, emptyLayer, LAYER_TYPE, type LayerFile } from './layer-files.js';
import type { NamedFiles } from './named-files.js';

/** A layer of an image of Docker before 1.10 after it was hashed; the archive itself does not state a digest for it. */
export interface V1Layer {
  file: LayerFile;
  digest: Digest;
  diffID: Digest;
}

/** Returns the diffID of a layer that is uncompressed, or a stub. */
export function plainDiffID({ isStub }: LayerFile, digest: Digest): Digest {
  return isStub ? digestOf(EMPTY_TAR) : digest;
}

/** Makes the config and the manifest that a chain of v1 images lacks, base first; its content is added to `files`. */
export function makeV1Image(
  files: NamedFiles,
  { documents, layers, names }: { documents: Buffer[]; layers: readonly V1Layer[]; names: readonly string[] },
): ArchiveImage {
  const diffIDs = layers.map(({ diffID }) => diffID);
  const { config } = configOfV1Chain(documents, diffIDs, files.location);
  return makeImage(files, {
    config: {
      mediaType: MEDIA_TYPE.dockerConfig,
      digest: files.addDocument(config),
      size: config.byteLength,
    },
    layers: layers.map((layer) => describe(layer, files)),
    names,
  });
}

function describe({ file, digest }: V1Layer, files: NamedFiles): Descriptor {
  if (file.isStub) return emptyLayer(files);
  files.addFile(digest, file.path);
  return { mediaType: LAYER_TYPE[file.compression], digest, size: file.region.size };
}

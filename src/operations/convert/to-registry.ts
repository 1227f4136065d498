import { formatReference } from '../../content/reference.js';
import { LadingError } from '../../errors.js';
import { connect } from '../../registry/connect.js';
import { imagesForRegistry, registryDestination } from '../../transfer/destination.js';
import { nameInRegistry, type RegistryTarget, registryOf } from '../../transfer/registry-names.js';
import { pushImages } from '../../transfer/to-registry.js';
import { openUploadSessions } from '../load.js';
import type { ConvertOptions } from './options.js';
import { type ConvertOutput, describeConverted, pace } from './output.js';

/** A registry, which converted images are pushed to. */
export function convertToRegistry(target: RegistryTarget, options: ConvertOptions): ConvertOutput {
  const { format, append, onEvent } = options;
  if (format !== undefined || append)
    throw new LadingError(
      'USAGE',
      `${options.output} is a registry: there is no file of a format, to be added to`,
      {
        hint: 'Leave --format and --append out.',
      },
    );
  const registry = registryOf(target);
  const { check } = registryDestination(registry, {
    tagDigests: options.tagDigests,
    wayOut: `Write docker://${registry}/PREFIX/ with the slash: each keeps its path under it.`,
  });
  return {
    directory: undefined,
    async write(originals, convertThem) {
      // Before layers are read, and again with the digests that the images then have.
      check(nameInRegistry(imagesForRegistry(originals, onEvent), target));
      const converted = (await convertThem()).filter(({ images: [first] }) => first?.tree.isBlob !== true);
      const made = converted.flatMap(({ images: [first] }) => (first === undefined ? [] : [first]));
      const named = nameInRegistry(made, target);
      const beside = converted.flatMap(({ images: [, ...kept] }, place) => {
        const { registry: host = registry, repository } = named[place]?.destination ?? {};
        return repository === undefined
          ? []
          : kept.map((image) => ({ image, destination: { registry: host, repository } }));
      });
      const images = check([...named, ...beside], { onEvent });
      const client = await connect(options, [registry]);
      try {
        const { blobs, bytes } = await pushImages(images, client, {
          ...pace(options),
          uploadSessions: await openUploadSessions(onEvent),
        });
        const reused = blobs.mounted + blobs.present;
        return {
          output: String(options.output),
          format: 'registry',
          images: converted.map((one, place) => {
            const at = images[place]?.destination;
            return describeConverted(one, at === undefined ? one.name : formatReference(at));
          }),
          blobs: { total: blobs.total, fetched: blobs.pushed, reused },
          bytes: { total: bytes.pushed, fetched: bytes.pushed },
        };
      } finally {
        await client.close();
      }
    },
    close: async () => undefined,
  };
}

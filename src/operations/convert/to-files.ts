import { dirname, resolve } from 'node:path';
import { parsePlatform } from '../../content/platform.js';
import { LadingError } from '../../errors.js';
import type { DestinationLocator } from '../../store/destination-locator.js';
import { parseLocator } from '../../store/locator.js';
import type { ConvertedImage } from '../../transfer/convert.js';
import { isLeftOut, nameAfter } from '../../transfer/destination.js';
import { assemblePlan, type ImageTrees } from '../../transfer/plan.js';
import type { RegistryTarget } from '../../transfer/registry-names.js';
import { type SaveFormat, toFiles } from '../../transfer/to-files.js';
import { keptImages, writePlan } from '../../transfer/write-plan.js';
import type { ConvertOptions } from './options.js';
import { type ConvertOutput, describeConverted, pace } from './output.js';

/** An archive or layout, or a stream of an archive, which converted images are written to. */
export async function convertToFiles(
  destination: Exclude<DestinationLocator, RegistryTarget> | undefined,
  options: ConvertOptions,
): Promise<ConvertOutput> {
  const { append = false, onEvent } = options;
  const dockerPlatform =
    options.dockerPlatform === undefined ? undefined : parsePlatform(options.dockerPlatform);
  const target = destination === undefined ? options.output : destination.path;
  const output = await toFiles(target, {
    ...options,
    dockerPlatform,
    format: formatOf(destination, options),
    inputs: inputsOf(options.source),
  });
  const name = destination === undefined || destination.kind === 'path' ? undefined : destination.reference;
  return {
    directory: typeof target === 'string' ? dirname(resolve(target)) : undefined,
    async write(originals, convertThem) {
      // Before layers are read: what is there would be lost whatever becomes of the images.
      const named = nameAll(originals, name);
      output.check(named, { append });
      const converted = nameConverted(await convertThem(), name);
      const checked = output.check(
        converted.flatMap(({ images }) => images),
        { append, onEvent },
      );
      const names = checked.map((image) => image.name);
      const kept = append ? await keptImages(output, names, pace(options)) : [];
      const plan = assemblePlan([...checked, ...kept]);
      const { images, blobs, bytes } = plan;
      onEvent?.({ type: 'planned', images: images.length, blobs: blobs.length, bytes });
      const copied = await writePlan(output, plan, pace(options));
      return {
        output: typeof options.output === 'string' ? options.output : '-',
        format: output.format,
        images: converted
          .filter(({ images }) => !images.every((image) => isLeftOut(image, checked)))
          .map((one) => describeConverted(one, nameOfMade(one, checked))),
        blobs: copied.blobs,
        bytes: copied.bytes,
      };
    },
    close: async () => output.previous?.close(),
  };
}

function nameOfMade({ name, images: [made] }: ConvertedImage, checked: readonly ImageTrees[]): string {
  return made === undefined ? name : nameAfter(made, checked);
}

/** The format that a locator says; rejects with `USAGE` where `--format` says another. */
function formatOf(
  destination: Exclude<DestinationLocator, RegistryTarget> | undefined,
  { format, output }: ConvertOptions,
): SaveFormat | undefined {
  if (destination === undefined || destination.kind === 'path') return format;
  if (format === undefined || format === destination.kind) return destination.kind;
  throw new LadingError('USAGE', `${output} is written as ${destination.kind}, not as ${format}`, {
    hint: 'Leave --format out.',
  });
}

function inputsOf(source: string): string[] {
  const locator = parseLocator(source);
  return locator.kind === 'docker' ? [] : [locator.path];
}

function nameAll(images: readonly ImageTrees[], name: string | undefined): ImageTrees[] {
  if (name === undefined) return [...images];
  if (images.length > 1)
    throw new LadingError('USAGE', `${images.length} images cannot all be called ${name}`, {
      hint: 'Name the one that is meant after the source.',
    });
  return images.map((image) => ({ ...image, name }));
}

/** With the name that the destination says, which an original that is kept does not get. */
function nameConverted(converted: readonly ConvertedImage[], name: string | undefined): ConvertedImage[] {
  if (name === undefined) return [...converted];
  return converted.map((one) => ({
    ...one,
    images: one.images.map((image) => (image.name === one.name ? { ...image, name } : image)),
  }));
}

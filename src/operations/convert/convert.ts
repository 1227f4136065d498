import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Compressor } from '../../compression/compression.js';
import { isSchema1 } from '../../content/media-types.js';
import { formatPlatform, parsePlatform } from '../../content/platform.js';
import { LadingError, messageOf } from '../../errors.js';
import { manifestsOf } from '../../graph/tree.js';
import { createSigningKey } from '../../manifest/convert/sign-schema1.js';
import { scopeCredentials } from '../../registry/auth/run-credentials.js';
import { sharingRate } from '../../registry/http/byte-rate.js';
import { openLayout, openLayoutForWriting } from '../../store/layout/layout.js';
import { limitsOf } from '../../store/limits.js';
import { parseDestinationLocator } from '../../store/locator.js';
import { createScratch, type Scratch } from '../../store/scratch.js';
import { type ConvertedImage, convertImage } from '../../transfer/convert/convert.js';
import { createRecompressor } from '../../transfer/convert/recompress.js';
import { copyGraph } from '../../transfer/copy.js';
import { destinationName, openDestination } from '../../transfer/destinations.js';
import { readSourceImages } from '../../transfer/files/read-files.js';
import { namingImage } from '../../transfer/naming.js';
import { assemblePlan, type ImageTrees, type PlanOptions } from '../../transfer/plan.js';
import type { ReadImages } from '../../transfer/read-images.js';
import { readImages } from '../../transfer/read-images.js';
import { isRegistryTarget, registryOf } from '../../transfer/registry/registry-names.js';
import { requestsOf } from '../../transfer/requests.js';
import { type KnownSource, openKnownSource } from '../../transfer/sources.js';
import { transfer } from '../../transfer/transfer.js';
import type { ConvertOptions, ConvertResult } from './options.js';

/**
 * Converts images to another format, without a network if they are in files. Manifests and configs are made anew;
 * layers are kept unless `compression` says otherwise. The result says what changed and what was lost.
 */
export async function convert(given: ConvertOptions): Promise<ConvertResult> {
  const options = sharingRate(given);
  const { signing, append } = options;
  requireCompression(options);
  const key = signing?.keyFile === undefined ? createSigningKey() : await readKey(signing.keyFile);
  const dockerPlatform =
    options.dockerPlatform === undefined ? undefined : parsePlatform(options.dockerPlatform);
  const source = await openKnownSource(options.source, options);
  try {
    await requireScopedCredentials(source, options);
    const destination = await openDestination(options.output, {
      ...options,
      connection: options,
      dockerPlatform,
      source,
    });
    warnOfZstd(destination.format, options);
    const scratch = createScratch(destination.directory);
    const converter = createConverter(key, scratch, options);
    try {
      const result = await transfer(await requestsOf(source, options.reference), destination, {
        ...pace(options),
        append,
        read: async () => {
          const originals = await readOriginals(source, scratch, options);
          warnOfLeftOut(originals.images, options);
          return originals;
        },
        convert: (image) => converter.convert(image),
      });
      const { blobs, bytes } = result;
      return {
        output: destinationName(options.output),
        format: destination.format,
        images: result.converted.flatMap((one) => {
          const names = one.images.map((image) => destination.nameOf(image, result.placed));
          if (names.every((name) => name === undefined)) return [];
          return [describeConverted(one, names[0] ?? one.name)];
        }),
        blobs: { total: blobs.total, fetched: blobs.sent, reused: blobs.mounted + blobs.present },
        bytes: { total: bytes.total, fetched: bytes.sent },
      };
    } finally {
      await converter.close();
      await destination.close();
      await scratch.close();
    }
  } finally {
    await source.close();
  }
}

/** Rejects a compression that the format cannot have, before a layer is read. */
function requireCompression({ to, compression, compressionLevel }: ConvertOptions): void {
  if (compressionLevel !== undefined && compression !== 'gzip' && compression !== 'zstd')
    throw new LadingError('USAGE', 'a level is for layers that are compressed with gzip or zstd');
  if (compression === 'zstd' && to !== 'oci')
    throw new LadingError('USAGE', 'only OCI’s format has layers that are compressed with zstd', {
      hint: 'Convert to oci, or compress with gzip.',
    });
}

/** Warns about layers that older engines cannot read. For a universal archive, its writer warns. */
function warnOfZstd(format: ConvertResult['format'], { compression, onEvent }: ConvertOptions): void {
  if (compression !== 'zstd' || format === 'universal') return;
  const message = 'layers compressed with zstd are not read by Docker before 23 or containerd before 1.5';
  onEvent?.({ type: 'warning', message });
}

/** Checks before the first request that a login without a registry is not given for two sides. */
async function requireScopedCredentials(
  source: KnownSource,
  { credentials, output }: ConvertOptions,
): Promise<void> {
  const locator = typeof output === 'string' ? await parseDestinationLocator(output) : undefined;
  const from = source.kind === 'registry' ? [source.reference.registry] : [];
  const to = locator !== undefined && isRegistryTarget(locator) ? [registryOf(locator)] : [];
  scopeCredentials(credentials, [...from, ...to]);
}

/**
 * Warns about platforms that schema1 cannot keep, because it has no index; a docker-archive warns about them itself.
 */
function warnOfLeftOut(originals: readonly ImageTrees[], { to, format, onEvent }: ConvertOptions): void {
  if (to !== 'schema1' || format === 'docker-archive') return;
  for (const { name, tree } of originals) {
    const left = (tree.leftOut ?? []).map(formatPlatform);
    if (left.length === 0) continue;
    const message = `${name}: schema1 can hold only ${tree.platforms.map(formatPlatform).join()} of it; left out: ${left.join(', ')}`;
    onEvent?.({ type: 'warning', message });
  }
}

/** Converts the images of a run; its threads are shared by all of them. */
function createConverter(key: KeyObject, scratch: Scratch, options: ConvertOptions) {
  const {
    to,
    compression = 'keep',
    compressionLevel: level,
    verifySignature,
    keepOriginal,
    force,
    signal,
    onEvent,
  } = options;
  const limits = limitsOf(options);
  const compressor = new Compressor(compression === 'zstd' ? { form: 'zstd', level } : { level });
  const recompress =
    compression === 'keep'
      ? undefined
      : createRecompressor(compression, { scratch, compressor }, { limits, signal, onEvent });
  return {
    async convert(image: ImageTrees): Promise<ConvertedImage> {
      try {
        return await convertImage(image, {
          ...{ to, recompress, key, keepOriginal, force, limits, signal, onEvent },
          requireSignature: verifySignature,
        });
      } catch (error) {
        throw namingImage(error, [image.name]);
      }
    },
    close: () => compressor.close(),
  };
}

/**
 * Reads the images to convert. If their layers must be read, they are first fetched from the registry into a layout
 * beside the output, because they are needed twice.
 */
async function readOriginals(
  source: KnownSource,
  scratch: Scratch,
  options: ConvertOptions,
): Promise<ReadImages> {
  const planOptions: PlanOptions = {
    ...pace(options),
    strict: options.strict,
    platforms: options.platforms?.map(parsePlatform),
    index: options.to === 'schema1' || isDockerArchive(options) ? 'single' : 'rewrite',
  };
  const read = await readSourceImages(source, await requestsOf(source, options.reference), planOptions);
  const { images } = read;
  const needsLayers =
    (options.compression ?? 'keep') !== 'keep' ||
    (options.to !== 'schema1' &&
      images.some(({ tree }) => manifestsOf(tree).some(({ mediaType }) => isSchema1(mediaType))));
  if (source.kind !== 'registry' || !needsLayers) return read;
  const directory = await scratch.directory();
  // Of a layout that a killed run left there, use only the blobs: the source may have other images by now.
  for (const name of ['index.json', 'oci-layout']) await rm(join(directory, name), { force: true });
  const layout = await openLayoutForWriting(directory);
  try {
    const plan = assemblePlan(images);
    const { blobs, bytes } = plan;
    options.onEvent?.({ type: 'planned', images: images.length, blobs: blobs.length, bytes });
    await copyGraph(plan, layout, pace(options));
  } finally {
    await layout.close();
  }
  const store = await openLayout(directory);
  const fetched = images.map(({ name }) => ({ source: store, reference: name, name }));
  return readImages(fetched, { ...planOptions, onEvent: undefined }); // they were reported by the first read
}

function isDockerArchive({ format, output }: ConvertOptions): boolean {
  return format === 'docker-archive' || (typeof output === 'string' && output.startsWith('docker-archive:'));
}

async function readKey(path: string): Promise<KeyObject> {
  try {
    return createPrivateKey(await readFile(path));
  } catch (error) {
    throw new LadingError('USAGE', `${path} is not a private key in PEM format: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

function pace({ concurrency, retries, signal, onEvent }: ConvertOptions): PlanOptions {
  return { concurrency, retries, signal, onEvent };
}

/** Describes a converted image for the result; `written` is its name at the output. */
function describeConverted(
  { name, from, to, signature, digests, lost }: ConvertedImage,
  written: string,
): ConvertResult['images'][number] {
  return {
    name,
    written,
    from: { mediaType: from.mediaType, digest: from.digest },
    to: { mediaType: to.mediaType, digest: to.digest },
    signature: signature && {
      valid: signature.valid,
      ...(signature.keyID !== undefined && { keyId: signature.keyID }),
    },
    digests: Object.fromEntries(digests),
    lost,
  };
}

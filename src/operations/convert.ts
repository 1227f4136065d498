import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Writable } from 'node:stream';
import { Compressor } from '../compression.js';
import type { Digest } from '../content/digest.js';
import { isSchema1 } from '../content/media-types.js';
import { parsePlatform } from '../content/platform.js';
import {
  type ConversionFormat,
  type ConvertedImage,
  convertImage,
  type ConvertOptions as ImageConvertOptions,
} from '../copy/convert.js';
import { copyGraph } from '../copy/copy.js';
import { namingImage } from '../copy/naming.js';
import { assemblePlan, type ImageTrees, type PlanOptions, readImages } from '../copy/plan.js';
import type { ManifestTree } from '../copy/plan-tree.js';
import { LadingError, messageOf } from '../errors.js';
import { createSigningKey } from '../manifest/sign-schema1.js';
import { openLayout, openLayoutForWriting } from '../store/layout/layout.js';
import { createScratch, type Scratch } from '../store/scratch.js';
import { readSourceImages } from './archive-images.js';
import type { ConnectionOptions } from './connect.js';
import { type LayerLimits, limitsOf } from './layer-limits.js';
import { openSource, type Source } from './open-source.js';
import { createRecompressor, type LayerCompression } from './recompress.js';
import { requestsOf } from './requests.js';
import { inspectOutput, requireNothingLost, type SaveFormat, type SaveOutputOptions } from './save-output.js';
import { previousImages, writePlan } from './write-plan.js';

export interface ConvertOptions
  extends ConnectionOptions,
    LayerLimits,
    Omit<SaveOutputOptions, 'dockerPlatform'> {
  /** A locator, a path, or an image of a registry. */
  source: string;
  /** A file, a directory (`…/`), or a stream for an archive. */
  output: string | Writable;
  to: ConversionFormat;
  /** Only this image of an archive or layout. */
  reference?: string | undefined;
  /** What layers are compressed with afterwards; default `keep`, which touches none. */
  compression?: LayerCompression | undefined;
  /** Refuse a schema1 manifest whose signature does not hold, or that has none; default false. */
  verifySignature?: boolean | undefined;
  /** PEM file of the key that signs schema1; default a key made for the run. */
  keyFile?: string | undefined;
  /** Keep the originals, without names, beside what is made of them; default false. */
  keepOriginal?: boolean | undefined;
  /** Refuse images whose documents break their specification; default: a warning says what is odd. */
  strict?: boolean | undefined;
  /** Convert although something is lost that guards against it; default false. */
  force?: boolean | undefined;
  /** Only these platforms of an index; default all, for schema1 linux/amd64 or the first. */
  platforms?: readonly string[] | undefined;
  dockerPlatform?: string | undefined;
}

export interface ConvertResult {
  /** `-` for a stream. */
  output: string;
  format: SaveFormat;
  images: {
    name: string;
    from: { mediaType: string; digest: Digest };
    to: { mediaType: string; digest: Digest };
    /** Of a schema1 original; null where there is none. */
    signature: { valid: boolean; keyId?: string } | null;
    /** Every manifest that changed: old digest → new digest. */
    digests: Record<string, string>;
    /** What could not be kept, one line each. */
    lost: string[];
  }[];
  blobs: { total: number; fetched: number; reused: number };
  bytes: { total: number; fetched: number };
}

/**
 * Turns images into another format, offline where they are files: manifests and configs are made anew, layers
 * stay as they are unless `compression` says otherwise. What changed, and what was lost, is in the result.
 */
export async function convert(options: ConvertOptions): Promise<ConvertResult> {
  const key = options.keyFile === undefined ? createSigningKey() : await readKey(options.keyFile);
  const dockerPlatform =
    options.dockerPlatform === undefined ? undefined : parsePlatform(options.dockerPlatform);
  const output = await inspectOutput(options.output, { ...options, dockerPlatform });
  // Beside the output, where there is room for images.
  const scratch = createScratch(
    typeof options.output === 'string' ? dirname(resolve(options.output)) : undefined,
  );
  let source: Source | undefined;
  try {
    source = await openSource(options.source, options);
    const originals = await readOriginals(source, scratch, options);
    const names = originals.map(({ name }) => name);
    const kept = options.append
      ? await readImages(await previousImages(output.previous, names), pace(options))
      : undefined;
    if (kept === undefined) requireNothingLost(options.output, output.previous, names);
    const converted = await convertAll(originals, key, scratch, options);
    const plan = assemblePlan([...converted.flatMap(({ images }) => images), ...(kept?.images ?? [])]);
    const { images, blobs, bytes } = plan;
    options.onEvent?.({ type: 'planned', images: images.length, blobs: blobs.length, bytes });
    const copied = await writePlan(output, plan, pace(options));
    return {
      output: typeof options.output === 'string' ? options.output : '-',
      format: output.format,
      images: converted.map(describeConverted),
      blobs: copied.blobs,
      bytes: copied.bytes,
    };
  } finally {
    await source?.close();
    await output.previous?.close();
    await scratch.close();
  }
}

async function convertAll(
  originals: readonly ImageTrees[],
  key: KeyObject,
  scratch: Scratch,
  options: ConvertOptions,
): Promise<ConvertedImage[]> {
  const { to, compression = 'keep', verifySignature, keepOriginal, force, signal } = options;
  const limits = limitsOf(options);
  const compressor = new Compressor();
  const recompress =
    compression === 'keep'
      ? undefined
      : createRecompressor(compression, { scratch, compressor }, { limits, signal });
  const converted: ConvertedImage[] = [];
  try {
    for (const original of originals) {
      converted.push(
        await convertNamed(original, {
          to,
          recompress,
          key,
          requireSignature: verifySignature,
          keepOriginal,
          force,
          limits,
          signal,
        }),
      );
    }
    return converted;
  } finally {
    await compressor.close();
  }
}

async function convertNamed(image: ImageTrees, options: ImageConvertOptions): Promise<ConvertedImage> {
  try {
    return await convertImage(image, options);
  } catch (error) {
    throw namingImage(error, [image.name]);
  }
}

/** Images whose layers have to be read are first fetched into a layout beside the output: they are needed twice. */
async function readOriginals(
  source: Source,
  scratch: Scratch,
  options: ConvertOptions,
): Promise<ImageTrees[]> {
  const planOptions: PlanOptions = {
    ...pace(options),
    strict: options.strict,
    platforms: options.platforms?.map(parsePlatform),
    index: options.to === 'schema1' || options.format === 'docker-archive' ? 'single' : 'rewrite',
  };
  const images = await readSourceImages(source, await requestsOf(source, options.reference), planOptions);
  const needsLayers =
    (options.compression ?? 'keep') !== 'keep' ||
    (options.to !== 'schema1' && images.some(({ tree }) => manifestsOf(tree).some(isSchema1)));
  if (source.kind !== 'registry' || !needsLayers) return images;
  const directory = await scratch.directory();
  // Of what a killed run left there, only the content counts: the source may have other images by now.
  for (const name of ['index.json', 'oci-layout']) await rm(join(directory, name), { force: true });
  const layout = await openLayoutForWriting(directory);
  try {
    await copyGraph(assemblePlan(images), layout, pace(options));
  } finally {
    await layout.close();
  }
  const store = await openLayout(directory);
  const fetched = images.map(({ name }) => ({ source: store, reference: name, name }));
  return (await readImages(fetched, { ...planOptions, onEvent: undefined })).images; // told before
}

function pace({ concurrency, retries, signal, onEvent }: ConvertOptions): PlanOptions {
  return { concurrency, retries, signal, onEvent };
}

function manifestsOf(tree: ManifestTree): string[] {
  return [tree.manifest.descriptor.mediaType, ...tree.children.flatMap(manifestsOf)];
}

async function readKey(path: string): Promise<KeyObject> {
  try {
    return createPrivateKey(await readFile(path));
  } catch (error) {
    throw new LadingError('USAGE', `${path} is no private key in PEM: ${messageOf(error)}`, { cause: error });
  }
}

function describeConverted({
  name,
  from,
  to,
  signature,
  digests,
  lost,
}: ConvertedImage): ConvertResult['images'][number] {
  return {
    name,
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

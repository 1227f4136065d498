import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Compressor } from '../../compression/compression.js';
import { isSchema1 } from '../../content/media-types.js';
import { formatPlatform, parsePlatform } from '../../content/platform.js';
import { LadingError, messageOf } from '../../errors.js';
import type { ManifestTree } from '../../graph/tree.js';
import { createSigningKey } from '../../manifest/convert/sign-schema1.js';
import { scopeCredentials } from '../../registry/auth/run-credentials.js';
import { type DestinationLocator, parseDestinationLocator } from '../../store/destination-locator.js';
import { openLayout, openLayoutForWriting } from '../../store/layout/layout.js';
import { limitsOf } from '../../store/limits.js';
import { createScratch, type Scratch } from '../../store/scratch.js';
import {
  type ConvertedImage,
  convertImage,
  type ConvertOptions as ImageConvertOptions,
} from '../../transfer/convert.js';
import { copyGraph } from '../../transfer/copy.js';
import { namingImage } from '../../transfer/naming.js';
import { assemblePlan, type ImageTrees, type PlanOptions, readImages } from '../../transfer/plan.js';
import { createRecompressor } from '../../transfer/recompress.js';
import { isRegistryTarget, registryOf } from '../../transfer/registry-names.js';
import { requestsOf } from '../../transfer/requests.js';
import { type OpenedSource, openSource } from '../../transfer/sources.js';
import { readSourceImages } from '../archive-images.js';
import type { ConvertOptions, ConvertResult } from './options.js';
import { type ConvertOutput, pace } from './output.js';
import { convertToFiles } from './to-files.js';

/**
 * Turns images into another format, offline where they are files: manifests and configs are made anew, layers
 * stay as they are unless `compression` says otherwise. What changed, and what was lost, is in the result.
 */
export async function convert(options: ConvertOptions): Promise<ConvertResult> {
  const { signing } = options;
  const key = signing?.keyFile === undefined ? createSigningKey() : await readKey(signing.keyFile);
  const destination =
    typeof options.output === 'string' ? await parseDestinationLocator(options.output) : undefined;
  const output = await openOutput(destination, options);
  const scratch = createScratch(output.directory);
  let source: OpenedSource | undefined;
  try {
    source = await openSource(options.source, options);
    requireScopedCredentials(source, destination, options);
    const originals = await readOriginals(source, scratch, options);
    tellLeftOut(originals, options);
    return await output.write(originals, () => convertAll(originals, key, scratch, options));
  } finally {
    await source?.close();
    await output.close();
    await scratch.close();
  }
}

/** Before the first request: a login that names no registry cannot be meant for both sides. */
function requireScopedCredentials(
  source: OpenedSource,
  destination: DestinationLocator | undefined,
  { credentials }: ConvertOptions,
): void {
  const from = source.kind === 'registry' ? [source.reference.registry] : [];
  const to = destination !== undefined && isRegistryTarget(destination) ? [registryOf(destination)] : [];
  scopeCredentials(credentials, [...from, ...to]);
}

async function openOutput(
  destination: DestinationLocator | undefined,
  options: ConvertOptions,
): Promise<ConvertOutput> {
  if (destination === undefined || !isRegistryTarget(destination))
    return convertToFiles(destination, options);
  // Most outputs are files: what speaks to registries is loaded for those that are not.
  const { convertToRegistry } = await import('./to-registry.js');
  return convertToRegistry(destination, options);
}

/** schema1 has no form for an index; what a docker-archive has no room for is told with it. */
function tellLeftOut(originals: readonly ImageTrees[], { to, format, onEvent }: ConvertOptions): void {
  if (to !== 'schema1' || format === 'docker-archive') return;
  for (const { name, tree } of originals) {
    const left = (tree.leftOut ?? []).map(formatPlatform);
    if (left.length === 0) continue;
    const message = `${name}: schema1 has room for ${tree.platforms.map(formatPlatform).join()} of it; left out: ${left.join(', ')}`;
    onEvent?.({ type: 'warning', message });
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
  source: OpenedSource,
  scratch: Scratch,
  options: ConvertOptions,
): Promise<ImageTrees[]> {
  const planOptions: PlanOptions = {
    ...pace(options),
    strict: options.strict,
    platforms: options.platforms?.map(parsePlatform),
    index: options.to === 'schema1' || isDockerArchive(options) ? 'single' : 'rewrite',
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

function isDockerArchive({ format, output }: ConvertOptions): boolean {
  return format === 'docker-archive' || (typeof output === 'string' && output.startsWith('docker-archive:'));
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

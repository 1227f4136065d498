import { absentOf } from '../content/annotations.js';
import type { Descriptor } from '../content/descriptor.js';
import type { Digest } from '../content/digest.js';
import { formatReference, withDefaultTag } from '../content/reference.js';
import { isAttachmentTag } from '../store/attached.js';
import type { ReadonlyStore } from '../store/store.js';
import type { ConnectionOptions } from './connect.js';
import { type InspectedPlatform, inspectManifest } from './inspect-manifest.js';
import { openSource, type Source } from './open-source.js';

export interface InspectedImage {
  name: string;
  digest: Digest;
  mediaType: string;
  /** Bytes of the root manifest and of everything under it that is there. */
  size: number;
  platforms: InspectedPlatform[];
  /** Children of an index that are left out on purpose. */
  absent: Digest[];
  referrers: { digest: Digest; artifactType?: string; tag?: string }[];
}

export interface InspectResult {
  images: InspectedImage[];
}

export interface InspectOptions extends ConnectionOptions {
  /** Only this image of an archive or layout. */
  reference?: string | undefined;
}

/** What is in an archive, a layout, or an image of a registry. */
export async function inspect(target: string, options: InspectOptions = {}): Promise<InspectResult> {
  const source = await openSource(target, options);
  try {
    const images: InspectedImage[] = [];
    for await (const { name, root } of rootsOf(source, options))
      images.push(await inspectImage(source.store, name, root, options));
    return { images };
  } finally {
    await source.close();
  }
}

async function* rootsOf(
  source: Source,
  { reference, signal }: InspectOptions,
): AsyncIterable<{ name: string; root: Descriptor }> {
  if (source.kind === 'registry') {
    const named = withDefaultTag(source.reference);
    const root = await source.store.resolve(reference ?? named.digest ?? named.tag ?? 'latest', { signal });
    yield { name: formatReference(named), root };
    return;
  }
  const wanted = reference ?? source.reference;
  if (wanted !== undefined) {
    yield { name: wanted, root: await source.store.resolve(wanted) };
    return;
  }
  for await (const { name, descriptor } of source.store.references()) {
    if (!isAttachmentTag(name.slice(name.lastIndexOf(':') + 1))) yield { name, root: descriptor };
  }
}

async function inspectImage(
  store: ReadonlyStore,
  name: string,
  root: Descriptor,
  { signal }: InspectOptions,
): Promise<InspectedImage> {
  const absent = absentOf(root);
  const platforms = await inspectManifest(store, root, absent, signal);
  const referrers: InspectedImage['referrers'] = [];
  for await (const { descriptor, tag } of store.referrers(root, { signal })) {
    const { digest, artifactType } = descriptor;
    referrers.push({
      digest,
      ...(artifactType !== undefined && { artifactType }),
      ...(tag !== undefined && { tag }),
    });
  }
  const own = platforms.some(({ digest }) => digest === root.digest) ? 0 : root.size;
  return {
    name,
    digest: root.digest,
    mediaType: root.mediaType,
    size: platforms.reduce((sum, { size }) => sum + size, own),
    platforms,
    absent,
    referrers,
  };
}

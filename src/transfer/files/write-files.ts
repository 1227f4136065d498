import { nameKey } from '../../content/names.js';
import type { PlannedContent } from '../../graph/tree.js';
import { compressionOfType } from '../../manifest/layer-types.js';
import { isAttachmentTag } from '../../store/attached.js';
import type { LayoutReader } from '../../store/layout/layout-reader.js';
import type { Source, Store } from '../../store/store.js';
import { has } from '../../store/store.js';
import { type CopyOptions, type CopyResult, copyGraph } from '../copy.js';
import type { OutputSize, WriteOptions, WriteResult } from '../destination.js';
import { assemblePlan, type CopyRequest, type ImageTrees, type Plan, type PlannedImage } from '../plan.js';
import { readImages } from '../read-images.js';

export type SaveFormat = 'universal' | 'oci-archive' | 'oci' | 'docker-archive';

/** An archive, layout, stream or store to write to, before it is opened. */
export interface OutputFiles<Format = SaveFormat> {
  location: string;
  format: Format;
  /** The result of an earlier run: its content need not be fetched again, and its other images must not be lost. */
  previous: LayoutReader | undefined;
  /** Resolves with true if `previous` is already what the plan would write. */
  isMadeOf(plan: Plan): Promise<boolean>;
  /** True if an image that fails halfway can be left out. A stream cannot take back what was written. */
  canLeaveOut: boolean;
  openStore(): Promise<Store>;
  /** Called after something was written. */
  onWritten?(): Promise<void>;
  /** Returns how large the output will be; the content of the plan is read where it stands now. */
  measure?(plan: Plan): Promise<OutputSize>;
}

/** Also a store of which nothing is known but what it has. */
export interface AnyOutput extends Omit<OutputFiles<SaveFormat | 'store'>, 'previous'> {
  previous: Source | undefined;
}

/** Writes images that were checked, and keeps those that stay. */
export async function writeFiles(
  output: AnyOutput,
  images: readonly ImageTrees[],
  { append = false, failures: unread = [], ...options }: WriteOptions = {},
): Promise<WriteResult> {
  const plan = await planFiles(output, images, { ...options, append, failures: unread });
  const copied = await writePlan(output, plan, options);
  const failed = new Set(copied.failures.map(({ image }) => image));
  const isWritten = (image: PlannedImage): boolean => !failed.has(image);
  return {
    images: plan.images
      .slice(0, images.length)
      .filter(isWritten)
      .map((planned) => ({
        name: planned.name,
        written: planned.name,
        digest: planned.root.digest,
        planned,
      })),
    kept: plan.images.slice(images.length).filter(isWritten),
    blobs: {
      total: copied.blobs.total,
      sent: copied.blobs.fetched,
      mounted: 0,
      present: copied.blobs.reused,
    },
    bytes: { total: copied.bytes.total, sent: copied.bytes.fetched },
    failures: [...plan.failures, ...copied.failures.map(({ image, error }) => ({ name: image.name, error }))],
  };
}

/** Plans what is written: the images, and those of the output that stay. */
export async function planFiles(
  output: AnyOutput,
  images: readonly ImageTrees[],
  { append = false, failures = [], ...options }: WriteOptions,
): Promise<Plan> {
  const names = images.map(({ name }) => name);
  const kept = append ? await keptImages(output, names, options) : [];
  const plan = assemblePlan([...images, ...kept], failures);
  const { blobs, bytes } = plan;
  options.onEvent?.({ type: 'planned', images: plan.images.length, blobs: blobs.length, bytes });
  warnOfZstd(output, plan, options);
  return plan;
}

/** Copies what was planned to an output, unless it is there already. */
async function writePlan(output: AnyOutput, plan: Plan, options: CopyOptions): Promise<CopyResult> {
  if (await output.isMadeOf(plan)) return allReused(plan);
  const keepGoing = options.keepGoing === true && output.canLeaveOut;
  const store = await output.openStore();
  let copied: CopyResult;
  try {
    copied = await copyGraph(await preferring(output.previous, plan), store, { ...options, keepGoing });
  } finally {
    await store.close();
  }
  await output.onWritten?.();
  return copied;
}

/**
 * Warns about layers that Docker before 23 cannot load. A docker-archive needs no warning, because its layers are
 * stored uncompressed.
 */
function warnOfZstd({ format }: AnyOutput, plan: Plan, { onEvent }: CopyOptions): void {
  if (format !== 'universal') return;
  const { length } = plan.blobs.filter(
    ({ descriptor }) => compressionOfType(descriptor.mediaType) === 'zstd',
  );
  if (length === 0) return;
  const layers = length === 1 ? 'one layer is' : `${length} layers are`;
  const message = `${layers} compressed with zstd, which Docker before 23 does not load`;
  onEvent?.({ type: 'warning', message, remedy: 'compression' });
}

/**
 * Reads the images of the output that this run does not replace, with all their platforms and attachments, whatever is
 * chosen for the new images.
 */
async function keptImages(
  { previous }: AnyOutput,
  names: readonly string[],
  { concurrency, retries, signal, onEvent }: CopyOptions,
): Promise<ImageTrees[]> {
  if (previous === undefined) return [];
  const requests: CopyRequest[] = [];
  const replaced = new Set(names.map(nameKey));
  for await (const { name } of previous.names()) {
    const tag = name.slice(name.lastIndexOf(':') + 1);
    if (!replaced.has(nameKey(name)) && !isAttachmentTag(tag))
      requests.push({ source: previous, reference: name, name });
  }
  return (await readImages(requests, { concurrency, retries, signal, onEvent })).images;
}

/**
 * Returns the plan with the content of `previous` preferred to its source. That content was not verified: if it is
 * damaged, the next attempt fetches it from the source. Manifests were read for the plan; those of `previous` count as
 * content that was there.
 */
export async function preferring(previous: Source | undefined, plan: Plan): Promise<Plan> {
  if (previous === undefined) return plan;
  const preferred = async (content: PlannedContent): Promise<PlannedContent> => {
    if (!(await has(previous, content.descriptor))) return content;
    if (content.bytes !== undefined) return { ...content, isReused: true };
    const sources = [previous];
    const fetch: Source['fetch'] = (...wanted) => (sources.shift() ?? content.source).fetch(...wanted);
    return { ...content, source: { fetch }, isReused: true };
  };
  const all = (contents: readonly PlannedContent[]) => Promise.all(contents.map(preferred));
  const levels = await Promise.all(plan.levels.map(all));
  return { ...plan, blobs: await all(plan.blobs), levels, manifests: levels.flat() };
}

function allReused(plan: Plan): CopyResult {
  const total = plan.blobs.length;
  return {
    blobs: { total, fetched: 0, reused: total },
    bytes: { total: plan.bytes, fetched: 0 },
    failures: [],
  };
}

import { nameKey } from '../content/names.js';
import type { PlannedContent } from '../graph/tree.js';
import { compressionOfType } from '../manifest/layer-types.js';
import { isAttachmentTag } from '../store/attached.js';
import type { Source } from '../store/store.js';
import { has } from '../store/store.js';
import { type CopyOptions, type CopyResult, copyGraph } from './copy.js';
import { type CopyRequest, type ImageTrees, type Plan, readImages } from './plan.js';
import type { FilesDestination } from './to-files.js';

/** Copies what was planned to an output, if that is not there already. */
export async function writePlan(
  output: FilesDestination,
  plan: Plan,
  options: CopyOptions,
): Promise<CopyResult> {
  warnOfZstd(output, plan, options);
  if (await output.isMadeOf(plan)) return allReused(plan);
  const keepGoing = options.keepGoing === true && output.canLeaveOut;
  const store = await output.openStore();
  try {
    return await copyGraph(await preferring(output.previous, plan), store, { ...options, keepGoing });
  } finally {
    await store.close();
  }
}

/** Of an archive that Docker may load, what only Docker 23 and later can; a docker-archive's layers are made plain. */
function warnOfZstd({ format }: FilesDestination, plan: Plan, { onEvent }: CopyOptions): void {
  if (format !== 'universal') return;
  const { length } = plan.blobs.filter(
    ({ descriptor }) => compressionOfType(descriptor.mediaType) === 'zstd',
  );
  if (length === 0) return;
  const layers = length === 1 ? 'one layer is' : `${length} layers are`;
  const message = `${layers} compressed with zstd, which Docker before 23 does not load; lading convert --compression gzip changes that`;
  onEvent?.({ type: 'warning', message });
}

/**
 * What the output holds and the run does not replace: all platforms and attachments of it, whatever is chosen of the
 * images that come.
 */
export async function keptImages(
  { previous }: FilesDestination,
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
 * The plan with content taken from what is there before it is fetched from far away. What is there was not
 * verified: should it be damaged, the next attempt goes to the registry.
 */
async function preferring(previous: Source | undefined, plan: Plan): Promise<Plan> {
  if (previous === undefined) return plan;
  const preferred = async (content: PlannedContent): Promise<PlannedContent> => {
    if (!(await has(previous, content.descriptor))) return content;
    const sources = [previous];
    const fetch: Source['fetch'] = (...wanted) => (sources.shift() ?? content.source).fetch(...wanted);
    return { ...content, source: { fetch }, isReused: true };
  };
  return { ...plan, blobs: await Promise.all(plan.blobs.map(preferred)) };
}

function allReused(plan: Plan): CopyResult {
  const total = plan.blobs.length;
  return {
    blobs: { total, fetched: 0, reused: total },
    bytes: { total: plan.bytes, fetched: 0 },
    failures: [],
  };
}

import { readAttached } from '../graph/attached.js';
import { GraphReader } from '../graph/read.js';
import { createPool, DEFAULT_CONCURRENCY, type Pool } from '../pool.js';
import { namingImage } from './naming.js';
import type { CopyRequest, ImageTrees, Plan, PlanOptions } from './plan.js';

/**
 * Images that are read at a time: more than there are small requests at once (`SMALL_CONCURRENCY`), so that none of these
 * waits, but not all of thousands.
 */
const READ_AT_ONCE = 128;
/**
 * The same where a destination keeps what was read: what is read and not kept yet is read again if the run is killed, so
 * there must be little of it, however slow the destination is. At 40 ms a request, so many read 200 images a second.
 */
export const KEPT_AT_ONCE = 32;

/** Images that were read, and those that failed. */
export interface ReadImages {
  images: ImageTrees[];
  failures: Plan['failures'];
}

/** Reads the images, each manifest once. With `keepGoing`, images that failed are returned separately. */
export async function readImages(
  requests: readonly CopyRequest[],
  options: PlanOptions = {},
): Promise<ReadImages> {
  const { concurrency = DEFAULT_CONCURRENCY, keepGoing = false, signal, onEvent } = options;
  const pool = createPool(concurrency, signal);
  const reader = new GraphReader(pool, options);
  const turns = createPool(options.onRead === undefined ? READ_AT_ONCE : KEPT_AT_ONCE, pool.signal);
  const failures: Plan['failures'] = [];
  onEvent?.({ type: 'reading', images: requests.length });
  const reads = requests.map(async (request) => {
    try {
      return await turns.run(() => readImage(request, reader, pool, options));
    } catch (reason) {
      const error = namingImage(options.explain?.(request.name, reason) ?? reason, [request.name]);
      failures.push({ name: request.name, error });
      if (keepGoing && !pool.signal.aborted) onEvent?.({ type: 'failed', name: request.name, error });
      else pool.abort(error);
      return undefined;
    }
  });
  const images = (await Promise.all(reads)).filter((image) => image !== undefined);
  const [first] = failures;
  if (first !== undefined && (!keepGoing || images.length === 0 || pool.signal.aborted)) throw first.error;
  return { images, failures };
}

async function readImage(
  { source, reference, name, index, platforms }: CopyRequest,
  reader: GraphReader,
  pool: Pool,
  options: PlanOptions,
): Promise<ImageTrees> {
  const original = await pool.runSmall((signal) => source.resolve(reference, { signal }));
  options.onEvent?.({ type: 'resolved', name, descriptor: original });
  const tree = await reader.read(source, original, name, { index, platforms });
  const attached =
    options.referrers === false
      ? []
      : await readAttached(tree, original, { source, label: name }, reader, pool, options);
  const image: ImageTrees = { name, original, tree, attached };
  const { onRead } = options;
  if (onRead !== undefined) await pool.runSmall(() => onRead(image));
  options.onEvent?.({ type: 'read', name });
  return image;
}

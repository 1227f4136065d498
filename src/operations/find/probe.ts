import { parseReference } from '../../content/reference.js';
import { isLadingError } from '../../errors.js';
import { createPool, DEFAULT_CONCURRENCY } from '../../pool.js';
import { type ConnectionOptions, connect } from '../../registry/connect.js';
import { createV1Spool, openRepository } from '../../store/remote/remote-source.js';

/** What a registry says of a name. */
export interface ProbedImage {
  name: string;
  isThere: boolean;
  /** Why that is not known: the registry cannot be reached, or refuses. */
  error?: unknown;
}

/** Asks the registries of images, in full, whether they have them: one HEAD request each. */
export async function probeImages(
  names: readonly string[],
  options: ConnectionOptions = {},
): Promise<ProbedImage[]> {
  const references = names.map((name) => ({ name, reference: parseReference(name) }));
  const client = await connect(options, [...new Set(references.map(({ reference }) => reference.registry))]);
  const spool = createV1Spool(options);
  const pool = createPool(options.concurrency ?? DEFAULT_CONCURRENCY, options.signal);
  try {
    return await Promise.all(
      references.map(({ name, reference }) =>
        pool.run(async (signal) => {
          const source = openRepository(client, reference, spool, options);
          try {
            await source.resolve(reference.digest ?? reference.tag ?? 'latest', { signal });
            return { name, isThere: true };
          } catch (error) {
            if (isLadingError(error, 'NOT_FOUND')) return { name, isThere: false };
            if (!isLadingError(error) || isLadingError(error, 'ABORTED')) throw error;
            return { name, isThere: false, error };
          }
        }),
      ),
    );
  } finally {
    await spool.close();
    await client.close();
  }
}

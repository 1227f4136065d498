import type { Descriptor } from '../../content/descriptor.js';
import { LadingError } from '../../errors.js';
import { unchanged } from '../../s3/client.js';
import { formatLayoutIndex } from '../layout/layout-index.js';
import type { BucketSource } from './bucket-source.js';
import { tryWrite } from './try-write.js';

/** How often the index is written anew because others have written it meanwhile. */
const RACES = 10;

/**
 * Writes `index.json` for tools that read layouts, with every name and attachment that is there now. Rejects with
 * `CONFLICT` if others keep writing it. Resolves with the number of its entries.
 */
export async function writeBucketIndex(
  source: BucketSource,
  {
    hasConditions,
    isGoing,
  }: {
    hasConditions: boolean;
    /** Of names and attachments, those that are left out as they are about to go. */
    isGoing?: ((entry: Descriptor) => boolean) | undefined;
  },
): Promise<number> {
  const { client, keys, location } = source;
  for (let attempt = 1; attempt <= RACES; attempt += 1) {
    const before = await client.head(keys.index);
    const foreign = await source.foreign();
    if (foreign !== undefined) return foreign.indexEntries.length;
    const entries = await source.layoutEntries({ isGoing });
    const condition = hasConditions ? unchanged(before) : undefined;
    const written = await tryWrite(client, keys.index, formatLayoutIndex(entries), condition);
    if (written !== undefined) return entries.length;
  }
  throw new LadingError(
    'CONFLICT',
    `index.json of ${location} was written by others ${RACES} times meanwhile`,
  );
}

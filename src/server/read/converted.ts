import { Readable } from 'node:stream';
import type { Digest } from '../../content/digest.js';
import { LadingError } from '../../errors.js';
import type { Document } from '../../manifest/convert/conversion.js';
import type { Source } from '../../store/store.js';
import type { Answer, Asked } from '../answer.js';
import { Refusal } from '../errors.js';
import type { Conversions } from './conversions.js';

/** Content that is requested by its digest. */
export interface ByDigest {
  repository: string;
  digest: Digest;
}

/**
 * Calls `answer` with the store; if that does not have the content, calls it with what was converted from the store's
 * images.
 */
export async function orConverted(
  store: Source,
  content: ByDigest,
  { asked, conversions }: { asked: Asked; conversions: Conversions | undefined },
  answer: (store: Source) => Promise<Answer>,
): Promise<Answer> {
  try {
    return await answer(store);
  } catch (error) {
    if (conversions === undefined || !isUnknown(error)) throw error;
    const made = await conversions.find(store, content, asked);
    if (made === undefined) throw error;
    return answer(storeOf(made));
  }
}

function isUnknown(error: unknown): boolean {
  return error instanceof Refusal && (error.code === 'BLOB_UNKNOWN' || error.code === 'MANIFEST_UNKNOWN');
}

/** Returns a store with a single document. */
function storeOf({ descriptor, bytes }: Document): Source {
  const requireMade = (digest: string): void => {
    if (digest !== descriptor.digest)
      throw new LadingError('NOT_FOUND', `${digest} is not the converted content`);
  };
  return {
    location: 'converted content',
    isLocal: true,
    async resolve(digest) {
      requireMade(digest);
      return descriptor;
    },
    sizeOf: async ({ digest }) => (digest === descriptor.digest ? bytes.byteLength : undefined),
    async fetch({ digest }, { start = 0 } = {}) {
      requireMade(digest);
      return Readable.from([bytes.subarray(start)], { objectMode: false });
    },
    async *names() {},
    async *referrers() {},
    close: async () => undefined,
  };
}

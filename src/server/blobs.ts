import type { Descriptor } from '../content/descriptor.js';
import type { Digest } from '../content/digest.js';
import type { ReadonlyStore } from '../store/store.js';
import type { Answer, Asked } from './answer.js';
import { Refusal } from './errors.js';
import { etagOf, matchesEtag } from './etag.js';
import { openStored, requireStored } from './fetch.js';
import { type ByteRange, parseRange } from './range.js';

/** GET and HEAD of a blob, whole or a range of it. (distribution-spec, "Pulling blobs") */
export async function getBlob(store: ReadonlyStore, digest: Digest, asked: Asked): Promise<Answer> {
  const unknown = () => new Refusal('BLOB_UNKNOWN', 'blob unknown to registry', { detail: digest });
  const blob = await requireStored(store, () => store.resolveBlob(digest, asked), unknown, asked.signal);

  const headers = {
    'Accept-Ranges': 'bytes',
    'Cache-Control': 'max-age=31536000', // a year: the bytes behind a digest are for ever
    'Docker-Content-Digest': digest,
    ETag: etagOf(digest),
  };
  if (matchesEtag(asked.headers['if-none-match'], digest)) return { status: 304, headers };

  const range = rangeOf(asked, blob);
  const { start, length } = range ?? { start: 0, length: blob.size };
  return {
    status: range === undefined ? 200 : 206,
    headers: {
      ...headers,
      // Whatever the blob says it is: a browser must not take a stranger's layer for a page.
      'Content-Type': 'application/octet-stream',
      ...(range === undefined
        ? {}
        : { 'Content-Range': `bytes ${start}-${start + length - 1}/${blob.size}` }),
    },
    body: {
      size: length,
      endsEarly: start + length < blob.size,
      open: () => openStored(store, blob, unknown, { start, signal: asked.signal }),
    },
  };
}

/** The range that is to be served; undefined for the whole. Only GET has ranges. (RFC 9110, 14.2 and 13.1.5) */
function rangeOf({ method, headers }: Asked, { digest, size }: Descriptor): ByteRange | undefined {
  const { range: header, 'if-range': validator } = headers;
  if (header === undefined || method !== 'GET') return undefined;
  if (validator !== undefined && validator !== etagOf(digest)) return undefined;
  const range = parseRange(header, size);
  if (range === 'unsatisfiable') {
    throw new Refusal('RANGE_INVALID', `the blob has ${size} bytes; the range is not within them`, {
      headers: { 'Content-Range': `bytes */${size}` },
    });
  }
  return range === 'whole' ? undefined : range;
}

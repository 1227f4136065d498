import type { Descriptor } from '../../content/descriptor.js';
import type { Digest } from '../../content/digest.js';
import type { Source } from '../../store/store.js';
import type { Answer, Asked } from '../answer.js';
import { Refusal } from '../errors.js';
import { etagOf, matchesEtag } from './etag.js';
import { openStored, requireBlob } from './fetch.js';
import { contentRange, multipartBody } from './multipart.js';
import { type ByteRange, parseRanges } from './range.js';
import type { VerifiedContent } from './verified-content.js';
import { wholeBody } from './whole-body.js';

/**
 * Answers GET and HEAD of a blob or of ranges of it. A whole blob is verified while it is sent; with ranges, the client
 * has to verify what it puts together. A store that has URLs for its blobs is where clients get them from: they send their
 * ranges there. (distribution-spec, "Pulling blobs")
 */
export async function getBlob(
  store: Source,
  digest: Digest,
  asked: Asked,
  verified: VerifiedContent,
): Promise<Answer> {
  const unknown = () => new Refusal('BLOB_UNKNOWN', 'blob unknown to registry', { detail: digest });
  const blob = await requireBlob(store, digest, unknown, asked.signal);

  const headers = {
    'Accept-Ranges': 'bytes',
    'Cache-Control': 'max-age=31536000', // a year: the bytes of a digest never change
    'Docker-Content-Digest': digest,
    ETag: etagOf(digest),
  };
  if (matchesEtag(asked.headers['if-none-match'], digest)) return { status: 304, headers };

  // HEAD is answered here: the signature of a URL is for GET alone.
  const elsewhere = asked.method === 'GET' ? await store.urlOf?.(blob, { signal: asked.signal }) : undefined;
  if (elsewhere !== undefined) {
    const location = {
      'Docker-Content-Digest': digest,
      Location: elsewhere.href,
      'Cache-Control': 'no-store',
    };
    return { status: 307, headers: location, body: Buffer.alloc(0) };
  }

  const open = (range?: ByteRange) => openStored(store, blob, unknown, { ...range, signal: asked.signal });
  const [range, ...others] = rangesOf(asked, blob);
  if (range === undefined) {
    const body = wholeBody(blob, () => verified.openBlob(store, blob, open));
    return { status: 200, headers: { ...headers, 'Content-Type': CONTENT_TYPE }, body };
  }
  if (others.length > 0) {
    const options = { size: blob.size, contentType: CONTENT_TYPE, open };
    const { contentType, body } = multipartBody([range, ...others], options);
    return { status: 206, headers: { ...headers, 'Content-Type': contentType }, body };
  }
  return {
    status: 206,
    headers: {
      ...headers,
      'Content-Type': CONTENT_TYPE,
      'Content-Range': contentRange(range, blob.size),
    },
    body: {
      size: range.length,
      endsEarly: range.start + range.length < blob.size,
      open: () => open(range),
    },
  };
}

/** Independent of the blob's own type: a browser must not show a layer as a page. */
const CONTENT_TYPE = 'application/octet-stream';

/** Returns the ranges to serve; none for the whole blob. Only GET has ranges. (RFC 9110, 14.2 and 13.1.5) */
function rangesOf({ method, headers }: Asked, { digest, size }: Descriptor): ByteRange[] {
  const { range: header, 'if-range': validator } = headers;
  if (header === undefined || method !== 'GET') return [];
  if (validator !== undefined && validator !== etagOf(digest)) return [];
  const ranges = parseRanges(header, size);
  if (ranges === 'unsatisfiable') {
    throw new Refusal('RANGE_INVALID', `the range is outside of the blob, which has ${size} bytes`, {
      headers: { 'Content-Range': `bytes */${size}` },
    });
  }
  return ranges === 'whole' ? [] : ranges;
}

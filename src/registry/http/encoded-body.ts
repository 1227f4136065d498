import { pipeline, Readable, type Transform } from 'node:stream';
import {
  brotliDecompressSync,
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  gunzipSync,
  inflateRawSync,
  inflateSync,
  type ZlibOptions,
} from 'node:zlib';
import { messageOf, RegistryError } from '../../errors.js';
import { readSome } from './body.js';
import { contentLength, headerLines } from './headers.js';
import type { TransportResponse } from './response.js';
import { MAX_ERROR_BYTES } from './response-error.js';

/**
 * lading asks for unencoded bytes (`Accept-Encoding: identity`), but some servers and proxies compress them
 * nevertheless, and others write `Content-Encoding` on bytes that they did not encode. So the bytes themselves decide.
 */

/**
 * Decodes a document. Throws the error that `tooLarge` makes if it has more than `maxBytes` when decoded, and
 * `CUT_SHORT` if it is truncated or damaged.
 */
export function decodeDocument(
  bytes: Buffer,
  { headers }: Pick<TransportResponse, 'headers'>,
  maxBytes: number,
  tooLarge: () => Error,
): Buffer {
  const encodings = encodingsOf(headers);
  const options: ZlibOptions = { maxOutputLength: maxBytes };
  try {
    // The last encoding that was applied is removed first. Some servers send gzip without saying so.
    const decoded = encodings.reduceRight((left, encoding) => decodeOnce(left, encoding, options), bytes);
    return isGzip(decoded) ? gunzipSync(decoded, options) : decoded;
  } catch (error) {
    if (error instanceof RangeError) throw tooLarge();
    throw new RegistryError(
      'CUT_SHORT',
      `a document with the content encoding ${encodings.join(', ') || 'gzip'} is truncated or damaged`,
      {
        cause: error,
      },
    );
  }
}

/** Like `decodeDocument`, but returns the bytes unchanged if they cannot be decoded or are too many. */
export function decodeIfPossible(
  bytes: Buffer,
  response: Pick<TransportResponse, 'headers'>,
  maxBytes: number,
): Buffer {
  try {
    return decodeDocument(bytes, response, maxBytes, () => new RegistryError('TOO_LARGE', 'too large'));
  } catch (error) {
    if (error instanceof RegistryError) return bytes;
    throw error;
  }
}

/** Reads and decodes the body of an error response, at most `MAX_ERROR_BYTES`. */
export async function readRefusal(response: TransportResponse): Promise<Buffer> {
  return decodeIfPossible(await readSome(response.body, MAX_ERROR_BYTES), response, MAX_ERROR_BYTES);
}

/** Brotli has no magic number, so text that looks like JSON is taken as not encoded. */
function decodeOnce(bytes: Buffer, encoding: string, options: ZlibOptions): Buffer {
  if (isGzip(bytes)) return gunzipSync(bytes, options);
  if (/^\s*[{[]/.test(bytes.toString('latin1', 0, 16))) return bytes;
  if (encoding === 'br') return brotliDecompressSync(bytes, options);
  if (encoding === 'deflate')
    return isZlib(bytes) ? inflateSync(bytes, options) : inflateRawSync(bytes, options);
  return bytes;
}

/** What the caller knows about a blob before it is read. */
export interface ExpectedBlob {
  /** Size of the stored blob in bytes. */
  size: number | undefined;
  /** Whether the blob itself is compressed; undefined if that is not known. */
  isCompressed?: boolean | undefined;
}

/** Returns the bytes of a blob as they are stored, without a content encoding. */
export async function decodeBlob(
  { headers, body }: TransportResponse,
  { size, isCompressed = true }: ExpectedBlob,
): Promise<Readable> {
  const [encoding, ...others] = encodingsOf(headers);
  // Bytes that were encoded more than once are passed on as they are; the check of the digest will judge them.
  if (encoding === undefined || others.length > 0 || contentLength(headers) === size) return body;
  const first = await firstChunk(body);
  if (first === undefined) return Readable.from([]);
  body.unshift(first);
  const decoder = decoderFor(encoding, first, isCompressed);
  return decoder === undefined ? body : Readable.from(decoded(body, decoder), { objectMode: false });
}

/** Returns undefined if the bytes show that they are not encoded. */
function decoderFor(encoding: string, first: Buffer, isCompressed: boolean): Transform | undefined {
  switch (encoding) {
    case 'gzip':
    case 'x-gzip':
      return isGzip(first) && (!isCompressed || isCompressedTwice(first)) ? createGunzip() : undefined;
    case 'br':
      return looksStored(first) ? undefined : createBrotliDecompress();
    case 'deflate':
      if (looksStored(first)) return undefined;
      return isZlib(first) ? createInflate() : createInflateRaw();
    default:
      return undefined;
  }
}

/** Whether the first bytes are those of a layer or a JSON document. */
function looksStored(first: Buffer): boolean {
  return isGzip(first) || isZstd(first) || /^\s*[{[]/.test(first.toString('latin1', 0, 16));
}

async function* decoded(body: Readable, decoder: Transform): AsyncGenerator<Buffer> {
  pipeline(body, decoder, () => undefined); // an error destroys the decoder, and the loop below throws it
  try {
    for await (const chunk of decoder) yield chunk as Buffer; // a stream without an encoding yields Buffers
  } catch (error) {
    if (error instanceof RegistryError) throw error;
    throw new RegistryError(
      'CUT_SHORT',
      `the compressed response is truncated or damaged: ${messageOf(error)}`,
      {
        cause: error,
      },
    );
  }
}

/** Reads the first chunk of a body, which the caller may put back. */
export async function firstChunk(body: Readable): Promise<Buffer | undefined> {
  for await (const chunk of body.iterator({ destroyOnReturn: false })) return chunk as Buffer; // a stream without an encoding yields Buffers
  return undefined;
}

/** Whether a gzip stream contains gzip or zstd, judged by its first bytes. */
function isCompressedTwice(start: Buffer): boolean {
  try {
    const inner = gunzipSync(start, { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: 1024 * 1024 });
    return isGzip(inner) || isZstd(inner);
  } catch {
    return false; // it does not start with gzip data
  }
}

const ZSTD_MAGIC = 0xfd2fb528;

function isGzip(bytes: Buffer): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

function isZstd(bytes: Buffer): boolean {
  return bytes.byteLength >= 4 && bytes.readUInt32LE(0) === ZSTD_MAGIC;
}

/** Whether there is a zlib header. Some servers leave it out of what they call deflate. (RFC 1950, 2.2) */
function isZlib(bytes: Buffer): boolean {
  const [method = 0, flags = 0] = bytes;
  return (method & 0x0f) === 8 && (method * 256 + flags) % 31 === 0;
}

/** The content encodings in the order in which they were applied. (RFC 9110, 8.4) */
function encodingsOf(headers: TransportResponse['headers']): string[] {
  return headerLines(headers, 'content-encoding')
    .join(',')
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '' && name !== 'identity');
}

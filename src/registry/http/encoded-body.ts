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
 * Content that was compressed for its transport though the bytes as they are were asked for. Some servers and proxies
 * do that, and others write `Content-Encoding` on bytes that are as they are: the bytes themselves decide.
 */

/** A document, of at most `maxBytes` when decompressed; throws what `tooLarge` makes beyond them. */
export function decodeDocument(
  bytes: Buffer,
  { headers }: Pick<TransportResponse, 'headers'>,
  maxBytes: number,
  tooLarge: () => Error,
): Buffer {
  const encodings = encodingsOf(headers);
  const options: ZlibOptions = { maxOutputLength: maxBytes };
  try {
    // What was done last comes off first. Of gzip some servers tell nobody.
    const decoded = encodings.reduceRight((left, encoding) => decodeOnce(left, encoding, options), bytes);
    return isGzip(decoded) ? gunzipSync(decoded, options) : decoded;
  } catch (error) {
    if (error instanceof RangeError) throw tooLarge();
    throw new RegistryError('CUT_SHORT', `a document in ${encodings.join(', ') || 'gzip'} is not whole`, {
      cause: error,
    });
  }
}

/** The same of what is only worth a look: what cannot be decoded, or not within `maxBytes`, stays as it came. */
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

/** The body of a refusal, as much of it as is worth a look. */
export async function readRefusal(response: TransportResponse): Promise<Buffer> {
  return decodeIfPossible(await readSome(response.body, MAX_ERROR_BYTES), response, MAX_ERROR_BYTES);
}

/** Nothing in its bytes tells Brotli from text, but for text that is JSON. */
function decodeOnce(bytes: Buffer, encoding: string, options: ZlibOptions): Buffer {
  if (isGzip(bytes)) return gunzipSync(bytes, options);
  if (/^\s*[{[]/.test(bytes.toString('latin1', 0, 16))) return bytes;
  if (encoding === 'br') return brotliDecompressSync(bytes, options);
  if (encoding === 'deflate')
    return isZlib(bytes) ? inflateSync(bytes, options) : inflateRawSync(bytes, options);
  return bytes;
}

/** What is known of a blob beforehand. */
export interface ExpectedBlob {
  /** Bytes that are to come. */
  size: number | undefined;
  /** Whether the blob itself is compressed; undefined where that is not known. */
  isCompressed?: boolean | undefined;
}

/** The bytes of a blob as they are stored. */
export async function decodeBlob(
  { headers, body }: TransportResponse,
  { size, isCompressed = true }: ExpectedBlob,
): Promise<Readable> {
  const [encoding, ...others] = encodingsOf(headers);
  // What was compressed more than once is too odd to be guessed at: its digest decides.
  if (encoding === undefined || others.length > 0 || contentLength(headers) === size) return body;
  const first = await firstChunk(body);
  if (first === undefined) return Readable.from([]);
  body.unshift(first);
  const decoder = decoderFor(encoding, first, isCompressed);
  return decoder === undefined ? body : Readable.from(decoded(body, decoder), { objectMode: false });
}

/** Undefined where the bytes show that they are as they are stored. */
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

/** Whether it begins as a layer or a document does. */
function looksStored(first: Buffer): boolean {
  return isGzip(first) || isZstd(first) || /^\s*[{[]/.test(first.toString('latin1', 0, 16));
}

async function* decoded(body: Readable, decoder: Transform): AsyncGenerator<Buffer> {
  pipeline(body, decoder, () => undefined); // its failure is the decoder's too, which is read below
  try {
    for await (const chunk of decoder) yield chunk as Buffer; // a decoder has no encoding
  } catch (error) {
    if (error instanceof RegistryError) throw error;
    throw new RegistryError('CUT_SHORT', `what came compressed is not whole: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

async function firstChunk(body: Readable): Promise<Buffer | undefined> {
  for await (const chunk of body.iterator({ destroyOnReturn: false })) return chunk as Buffer; // bodies have no encoding
  return undefined;
}

/** Whether what is in a gzip stream is compressed again: the first bytes of it tell. */
function isCompressedTwice(start: Buffer): boolean {
  try {
    const inner = gunzipSync(start, { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: 1024 * 1024 });
    return isGzip(inner) || isZstd(inner);
  } catch {
    return false; // not gzip in gzip then
  }
}

const ZSTD_MAGIC = 0xfd2fb528;

function isGzip(bytes: Buffer): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

function isZstd(bytes: Buffer): boolean {
  return bytes.byteLength >= 4 && bytes.readUInt32LE(0) === ZSTD_MAGIC;
}

/** The header of zlib, which some servers leave out of what they call deflate. (RFC 1950, 2.2) */
function isZlib(bytes: Buffer): boolean {
  const [method = 0, flags = 0] = bytes;
  return (method & 0x0f) === 8 && (method * 256 + flags) % 31 === 0;
}

/** In the order in which they were applied. (RFC 9110, 8.4) */
function encodingsOf(headers: TransportResponse['headers']): string[] {
  return headerLines(headers, 'content-encoding')
    .join(',')
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '' && name !== 'identity');
}

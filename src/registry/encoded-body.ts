import { pipeline, Readable } from 'node:stream';
import { brotliDecompressSync, constants, createGunzip, gunzipSync, type ZlibOptions } from 'node:zlib';
import { messageOf, RegistryError } from '../errors.js';
import { contentLength, header } from './headers.js';
import type { TransportResponse } from './transport.js';

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
  const encoding = encodingOf(headers);
  const options: ZlibOptions = { maxOutputLength: maxBytes };
  try {
    if (isGzip(bytes)) return gunzipSync(bytes, options);
    // Nothing in its bytes tells Brotli from text, but for text that is JSON.
    if (encoding === 'br' && !/^\s*[{[]/.test(bytes.toString('latin1', 0, 16)))
      return brotliDecompressSync(bytes, options);
  } catch (error) {
    if (error instanceof RangeError) throw tooLarge();
    throw new RegistryError('CUT_SHORT', `a document in ${encoding ?? 'gzip'} is not whole`, {
      cause: error,
    });
  }
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
  const encoding = encodingOf(headers);
  if (encoding === undefined || contentLength(headers) === size) return body;
  if (encoding !== 'gzip' && encoding !== 'x-gzip') return body;
  const first = await firstChunk(body);
  if (first === undefined) return Readable.from([]);
  body.unshift(first);
  if (!isGzip(first) || (isCompressed && !isCompressedTwice(first))) return body;
  return Readable.from(gunzip(body), { objectMode: false });
}

async function* gunzip(body: Readable): AsyncGenerator<Buffer> {
  const decoder = createGunzip();
  pipeline(body, decoder, () => undefined); // its failure is the decoder's too, which is read below
  try {
    for await (const chunk of decoder) yield chunk as Buffer; // a decoder has no encoding
  } catch (error) {
    if (error instanceof RegistryError) throw error;
    throw new RegistryError('CUT_SHORT', `what came in gzip is not whole: ${messageOf(error)}`, {
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
    return isGzip(inner) || inner.readUInt32LE(0) === ZSTD_MAGIC;
  } catch {
    return false; // not gzip in gzip then
  }
}

const ZSTD_MAGIC = 0xfd2fb528;

function isGzip(bytes: Buffer): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

function encodingOf(headers: TransportResponse['headers']): string | undefined {
  const encoding = header(headers, 'content-encoding')?.trim().toLowerCase();
  return encoding === '' || encoding === 'identity' ? undefined : encoding;
}

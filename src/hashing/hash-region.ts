import { createHash, type Hash } from 'node:crypto';
import { closeSync, createReadStream, openSync, readSync } from 'node:fs';
import { Readable } from 'node:stream';
import {
  type Compression,
  type DecompressLimits,
  decompressed,
  detectCompression,
  MAGIC_LENGTH,
} from '../compression/compression.js';
import { isTarStart, TAR_START_LENGTH } from '../content/tar-start.js';
import type { Region } from '../disk/region.js';
import { type ErrorCode, isLadingError } from '../errors.js';
import { LayerTarCheck } from '../tar/layer-tar.js';

/** A part of a file to hash. */
export interface HashRequest {
  region: Region;
  algorithm: string;
  /** If given, the part is a layer of this name, and its decompressed bytes are hashed, for its diffID. */
  decompress?: string | undefined;
  limits?: DecompressLimits | undefined;
  /**
   * With `decompress`: the algorithm to hash the stored bytes with, in the same pass. If the layer cannot be
   * decompressed, the result then has a `problem`, and nothing is thrown.
   */
  storedAlgorithm?: string | undefined;
}

export interface HashResult {
  /** The digest in hexadecimal; empty if there is a `problem`. */
  hex: string;
  /** The number of bytes that were hashed. */
  size: number;
  /** The digest of the stored bytes; set if the request has a `storedAlgorithm`. */
  storedHex?: string;
  /** For a layer: whether its first bytes are those of a tar. */
  isTar?: boolean;
  /** For a layer, with a `storedAlgorithm`: why engines refuse its tar, as a sentence whose subject is the tar. */
  brokenTar?: string | undefined;
  /** Why a layer cannot be decompressed. */
  problem?: { code: ErrorCode; message: string };
  /** For a layer, with a `storedAlgorithm`: how it is actually stored, independent of its media type. */
  form?: LayerForm;
}

/** Properties of a stored layer for which some engines refuse it. */
export interface LayerForm {
  compression: Compression;
  /** True if zeros follow the last gzip member. */
  isPadded: boolean;
  /** True if the first zstd frame is a skippable one. */
  isSkippableFirst: boolean;
}

// Reading is synchronous: it runs in threads that do nothing else, or in the main thread for little content.
const BUFFER_BYTES = 4 * 1024 * 1024;
// Small chunks are collected as young garbage; with 1 MiB, a thread would use 25 MiB more.
const READ_BYTES = 256 * 1024;
/** Progress is reported after this many bytes: often enough to be smooth, and seldom enough to cost nothing. */
const REPORT_BYTES = 16 * 1024 * 1024;
let buffer: Buffer | undefined;

/**
 * Hashes a part of a file, or the layer in it. Calls `onHashed` with the number of bytes of the file that were read
 * since the last call, which may be 0; it may throw to stop the work. Throws the errors of `decompressed` and of
 * node:fs.
 */
export async function hashRegion(
  request: HashRequest,
  onHashed: (bytes: number) => void,
): Promise<HashResult> {
  const { decompress, storedAlgorithm } = request;
  if (decompress === undefined) return hashBytes(request, onHashed);
  if (storedAlgorithm === undefined) return hashLayer(request, openerOf(request), onHashed);
  return hashBoth(request, storedAlgorithm, onHashed);
}

function hashBytes(
  { region, algorithm }: HashRequest,
  onHashed: (bytes: number) => void,
  check?: LayerTarCheck,
): HashResult {
  const hash = createHash(algorithm);
  buffer ??= Buffer.allocUnsafeSlow(BUFFER_BYTES);
  const file = openSync(region.path, 'r');
  try {
    let unreported = 0;
    for (let done = 0; done < region.size; ) {
      const length = Math.min(buffer.byteLength, region.size - done);
      const bytesRead = readSync(file, buffer, 0, length, region.offset + done);
      if (bytesRead === 0) throw new Error(`${region.path} ended early`);
      const chunk = buffer.subarray(0, bytesRead);
      hash.update(chunk);
      check?.update(chunk);
      done += bytesRead;
      unreported += bytesRead;
      if (unreported >= REPORT_BYTES || done === region.size) {
        onHashed(unreported);
        unreported = 0;
      }
    }
  } finally {
    closeSync(file);
  }
  return { hex: hash.digest('hex'), size: region.size };
}

/** Progress is reported in bytes of the file, not in decompressed bytes, as for other content. */
async function hashLayer(
  { region, algorithm, decompress, limits }: HashRequest,
  open: () => Promise<Readable>,
  onHashed: (bytes: number) => void,
  { onPadding, check }: { onPadding?: () => void; check?: LayerTarCheck } = {},
): Promise<HashResult> {
  const hash = createHash(algorithm);
  let hashed = 0;
  let unreported = 0;
  let start = Buffer.alloc(0);
  const layer = region.size === 0 ? [] : await decompressed(open, { name: decompress, limits, onPadding });
  for await (const chunk of layer as AsyncIterable<Buffer>) {
    if (start.byteLength < TAR_START_LENGTH)
      start = Buffer.concat([start, chunk.subarray(0, TAR_START_LENGTH - start.byteLength)]);
    hash.update(chunk);
    check?.update(chunk);
    hashed += chunk.byteLength;
    unreported += chunk.byteLength;
    if (unreported < REPORT_BYTES) continue;
    unreported = 0;
    onHashed(0); // lets the caller stop: decompressing may take minutes
  }
  onHashed(region.size);
  return { hex: hash.digest('hex'), size: hashed, isTar: isTarStart(start) };
}

async function hashBoth(
  request: HashRequest,
  storedAlgorithm: string,
  onHashed: (bytes: number) => void,
): Promise<HashResult> {
  const { region, algorithm } = request;
  const start = readStart(region);
  const form = formOf(start);
  const check = new LayerTarCheck();
  if (algorithm === storedAlgorithm && form.compression === 'none') {
    const result = hashBytes(request, onHashed, check);
    return {
      ...result,
      storedHex: result.hex,
      isTar: isTarStart(start),
      brokenTar: check.problem(),
      form,
    };
  }
  let stored: Hash | undefined;
  const openFile = openerOf(request);
  const open = async (): Promise<Readable> => {
    const hash = createHash(storedAlgorithm);
    stored = hash; // the last one: a layer with several gzip members is opened twice
    return Readable.from(tapped(await openFile(), hash), {
      objectMode: false,
      highWaterMark: READ_BYTES,
    });
  };
  try {
    const onPadding = (): void => {
      form.isPadded = true;
    };
    const result = await hashLayer(request, open, onHashed, { onPadding, check });
    return {
      ...result,
      storedHex: (stored ?? createHash(storedAlgorithm)).digest('hex'),
      brokenTar: check.problem(),
      form,
    };
  } catch (error) {
    if (!isLadingError(error)) throw error;
    const { hex } = hashBytes({ region, algorithm: storedAlgorithm }, onHashed);
    return { hex: '', size: 0, storedHex: hex, problem: { code: error.code, message: error.message }, form };
  }
}

function formOf(start: Buffer): LayerForm {
  const compression = detectCompression(start.subarray(0, MAGIC_LENGTH));
  return {
    compression,
    isPadded: false,
    isSkippableFirst: compression === 'zstd' && start[0] !== ZSTD_MAGIC,
  };
}

// The first byte of a frame that is not skippable. (RFC 8878, 3.1.1)
const ZSTD_MAGIC = 0x28;

async function* tapped(source: Readable, hash: Hash): AsyncIterable<Buffer> {
  for await (const chunk of source as AsyncIterable<Buffer>) {
    hash.update(chunk);
    yield chunk;
  }
}

function openerOf({ region: { path, offset, size } }: HashRequest): () => Promise<Readable> {
  return async () =>
    createReadStream(path, { start: offset, end: offset + size - 1, highWaterMark: READ_BYTES });
}

function readStart({ path, offset, size }: Region): Buffer {
  const start = Buffer.alloc(Math.min(size, TAR_START_LENGTH));
  const file = openSync(path, 'r');
  try {
    return start.subarray(0, readSync(file, start, 0, start.byteLength, offset));
  } finally {
    closeSync(file);
  }
}

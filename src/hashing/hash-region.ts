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

/** A part of a file whose digest is asked for. */
export interface HashRequest {
  region: Region;
  algorithm: string;
  /** The name of a layer whose decompressed bytes are to be hashed: its diffID. */
  decompress?: string | undefined;
  limits?: DecompressLimits | undefined;
  /**
   * With `decompress`, the algorithm with which the bytes are hashed as they are stored too, in the same pass.
   * What cannot be decompressed is then told in the result, and not thrown.
   */
  storedAlgorithm?: string | undefined;
}

export interface HashResult {
  /** Empty where there is a `problem`. */
  hex: string;
  /** Bytes that were hashed. */
  size: number;
  /** Of the bytes as they are stored, where that was asked for. */
  storedHex?: string;
  /** Of a layer, whether it is a tar by its first bytes. */
  isTar?: boolean;
  /** Of a layer whose stored bytes are hashed too: why engines refuse its tar. The sentence begins with the tar. */
  brokenTar?: string | undefined;
  /** Why a layer cannot be decompressed. */
  problem?: { code: ErrorCode; message: string };
  /** How the bytes of a layer are stored, whatever their media type says. */
  form?: LayerForm;
}

/** What engines mind in the form of a layer. */
export interface LayerForm {
  compression: Compression;
  /** Zeros follow the last gzip member. */
  isPadded: boolean;
  /** A skippable zstd frame comes first. */
  isSkippableFirst: boolean;
}

// Reading is synchronous: it is done in threads that have nothing else to do, or for little.
const BUFFER_BYTES = 4 * 1024 * 1024;
// Small enough for the chunks to be young when they are garbage: at 1 MiB, a thread takes 25 MiB more.
const READ_BYTES = 256 * 1024;
/** Told so often, progress costs nothing and moves. */
const REPORT_BYTES = 16 * 1024 * 1024;
let buffer: Buffer | undefined;

/**
 * Hashes a part of a file, or the layer in it; `onHashed` is told of bytes of the file, now and then of none, and may
 * throw to end the work.
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

/** Progress is told in the bytes of the file, as all else. */
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
    onHashed(0); // a layer may be decompressed for minutes
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
    stored = hash; // a layer of several gzip members is opened twice
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

// First byte of a frame that is no skippable one. (RFC 8878, 3.1.1)
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

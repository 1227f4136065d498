import { createHash } from 'node:crypto';
import { closeSync, createReadStream, openSync, readSync } from 'node:fs';
import { type DecompressLimits, decompressed } from '../compression.js';
import type { Region } from '../files.js';

/** A part of a file whose digest is asked for. */
export interface HashRequest {
  region: Region;
  algorithm: string;
  /** The name of a layer whose decompressed bytes are to be hashed: its diffID. */
  decompress?: string | undefined;
  limits?: DecompressLimits | undefined;
}

export interface HashResult {
  hex: string;
  /** Bytes that were hashed. */
  size: number;
}

// Reading is synchronous: it is done in threads that have nothing else to do, or for little.
const BUFFER_BYTES = 4 * 1024 * 1024;
const READ_BYTES = 1024 * 1024;
/** Told so often, progress costs nothing and moves. */
const REPORT_BYTES = 16 * 1024 * 1024;
let buffer: Buffer | undefined;

/** Hashes a part of a file, or the layer in it; `onHashed` is told of bytes of the file. */
export async function hashRegion(
  request: HashRequest,
  onHashed: (bytes: number) => void,
): Promise<HashResult> {
  return request.decompress === undefined ? hashBytes(request, onHashed) : hashLayer(request, onHashed);
}

function hashBytes({ region, algorithm }: HashRequest, onHashed: (bytes: number) => void): HashResult {
  const hash = createHash(algorithm);
  buffer ??= Buffer.allocUnsafeSlow(BUFFER_BYTES);
  const file = openSync(region.path, 'r');
  try {
    let unreported = 0;
    for (let done = 0; done < region.size; ) {
      const length = Math.min(buffer.byteLength, region.size - done);
      const bytesRead = readSync(file, buffer, 0, length, region.offset + done);
      if (bytesRead === 0) throw new Error(`${region.path} ended early`);
      hash.update(buffer.subarray(0, bytesRead));
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
  { region: { path, offset, size }, algorithm, decompress, limits }: HashRequest,
  onHashed: (bytes: number) => void,
): Promise<HashResult> {
  const hash = createHash(algorithm);
  let hashed = 0;
  const open = async (): Promise<ReturnType<typeof createReadStream>> =>
    createReadStream(path, { start: offset, end: offset + size - 1, highWaterMark: READ_BYTES });
  const layer = size === 0 ? [] : await decompressed(open, { name: decompress, limits });
  for await (const chunk of layer as AsyncIterable<Buffer>) {
    hash.update(chunk);
    hashed += chunk.byteLength;
  }
  onHashed(size);
  return { hex: hash.digest('hex'), size: hashed };
}

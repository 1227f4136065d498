import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import type { Region } from './files.js';

/** What the main thread asks for: the digest of a part of a file. */
export interface HashRequest {
  region: Region;
  algorithm: string;
}

export type HashAnswer =
  | { type: 'hashed'; bytes: number }
  | { type: 'digest'; hex: string }
  | { type: 'failed'; message: string };

// Reading is synchronous: the thread has nothing else to do, and nothing to wait for it with.
const BUFFER = Buffer.allocUnsafeSlow(4 * 1024 * 1024);
/** Told so often, progress costs nothing and moves. */
const REPORT_BYTES = 16 * 1024 * 1024;

parentPort?.on('message', (request: HashRequest) => {
  const answer = (message: HashAnswer): void => parentPort?.postMessage(message);
  try {
    answer({ type: 'digest', hex: hashRegion(request, answer) });
  } catch (error) {
    answer({ type: 'failed', message: error instanceof Error ? error.message : String(error) });
  }
});

function hashRegion({ region, algorithm }: HashRequest, answer: (message: HashAnswer) => void): string {
  const hash = createHash(algorithm);
  const file = openSync(region.path, 'r');
  try {
    let unreported = 0;
    for (let done = 0; done < region.size; ) {
      const length = Math.min(BUFFER.byteLength, region.size - done);
      const bytesRead = readSync(file, BUFFER, 0, length, region.offset + done);
      if (bytesRead === 0) throw new Error(`${region.path} ended early`);
      hash.update(BUFFER.subarray(0, bytesRead));
      done += bytesRead;
      unreported += bytesRead;
      if (unreported >= REPORT_BYTES || done === region.size) {
        answer({ type: 'hashed', bytes: unreported });
        unreported = 0;
      }
    }
  } finally {
    closeSync(file);
  }
  return hash.digest('hex');
}

import { createHash, type Hash } from 'node:crypto';
import { parentPort } from 'node:worker_threads';

/** `stream` is a number that whoever asks has chosen. */
export type StreamHashRequest =
  | { type: 'start'; stream: number; algorithm: string }
  | { type: 'update'; stream: number; chunk: Uint8Array }
  | { type: 'end'; stream: number }
  | { type: 'forget'; stream: number };

/** One for each update and each end, in their order. `hex` is that of an end. */
export interface StreamHashAnswer {
  hex?: string;
}

const hashes = new Map<number, Hash>();

parentPort?.on('message', (request: StreamHashRequest) => {
  switch (request.type) {
    case 'start':
      hashes.set(request.stream, createHash(request.algorithm));
      break;
    case 'update':
      hashes.get(request.stream)?.update(request.chunk);
      answer({});
      break;
    case 'end':
      answer({ hex: hashes.get(request.stream)?.digest('hex') ?? '' });
      hashes.delete(request.stream);
      break;
    case 'forget':
      hashes.delete(request.stream);
      break;
  }
});

function answer(message: StreamHashAnswer): void {
  parentPort?.postMessage(message);
}

import { parentPort } from 'node:worker_threads';
import { onRequest } from '../threads.js';
import { type Block, deflateBlockSync } from './deflate.js';

/** The result, and the memory of the block for reuse. Both are transferred, not copied. */
export interface DeflateAnswer {
  deflated: Uint8Array<ArrayBuffer>;
  memory: ArrayBuffer;
}

onRequest(parentPort, (block: Block) => {
  // The result can be transferred: it is never in Node.js' shared pool of small buffers, because `chunkSize` is larger.
  const deflated = deflateBlockSync(block) as Uint8Array<ArrayBuffer>;
  const { memory } = block;
  parentPort?.postMessage({ deflated, memory } satisfies DeflateAnswer, [deflated.buffer, memory]);
});

import { parentPort } from 'node:worker_threads';
import { onRequest } from '../threads.js';
import { type Block, deflateBlockSync } from './deflate.js';

/** Both in memory that is handed over: the result, and the block's own for the next one. */
export interface DeflateAnswer {
  deflated: Uint8Array<ArrayBuffer>;
  memory: ArrayBuffer;
}

onRequest(parentPort, (block: Block) => {
  // Never of Node.js' shared pool, which holds only what is smaller than the memory zlib is given for its output.
  const deflated = deflateBlockSync(block) as Uint8Array<ArrayBuffer>;
  const { memory } = block;
  parentPort?.postMessage({ deflated, memory } satisfies DeflateAnswer, [deflated.buffer, memory]);
});

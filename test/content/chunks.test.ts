import assert from 'node:assert/strict';
import { CHUNK_BYTES, giveBackChunk, takeChunk } from '../../src/content/chunks.js';

describe('buffers for content', () => {
  it('are used again once they were given back, by any part of them', () => {
    const chunk = takeChunk();
    assert.equal(chunk.byteLength, CHUNK_BYTES);
    assert.notEqual(takeChunk().buffer, chunk.buffer);
    giveBackChunk(chunk.subarray(10, 20));
    const again = takeChunk();
    assert.equal(again.buffer, chunk.buffer);
    assert.equal(again.byteLength, CHUNK_BYTES);
  });

  it('are not lent to two when they were given back twice', () => {
    const chunk = takeChunk();
    giveBackChunk(chunk);
    giveBackChunk(chunk);
    assert.notEqual(takeChunk().buffer, takeChunk().buffer);
  });

  it('are never somebody else’s', () => {
    const other = Buffer.alloc(CHUNK_BYTES);
    giveBackChunk(other);
    assert.notEqual(takeChunk().buffer, other.buffer);
  });
});

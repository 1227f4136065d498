import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import { isTarStart, TAR_START_LENGTH } from '../../src/content/tar-start.js';
import { makeTar } from '../support/tar-maker.js';

describe('isTarStart', () => {
  const tar = makeTar({ name: 'file', body: 'text' });

  it('knows a tar of any age by the checksum of its first header', () => {
    assert.equal(isTarStart(tar), true);
    assert.equal(isTarStart(tar.subarray(0, TAR_START_LENGTH)), true);
    assert.equal(isTarStart(makeTar({ name: 'file', magic: 'none' })), true);
  });

  it('knows a tar of nothing, whole or less than that', () => {
    for (const length of [0, 100, 512, 1024]) assert.equal(isTarStart(Buffer.alloc(length)), true);
  });

  it('takes nothing else for one', () => {
    const wrong = Buffer.from(tar);
    wrong.writeUInt8(wrong.readUInt8(3) ^ 1, 3);
    for (const bytes of [wrong, tar.subarray(0, 300), gzipSync(tar), Buffer.alloc(512, 'text')])
      assert.equal(isTarStart(bytes), false);
  });
});

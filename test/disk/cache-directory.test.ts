import assert from 'node:assert/strict';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { cacheDirectory } from '../../src/disk/cache-directory.js';

describe('where lading keeps what it can do without', () => {
  const before = process.env.XDG_CACHE_HOME;
  afterEach(() => {
    if (before === undefined) delete process.env.XDG_CACHE_HOME;
    else process.env.XDG_CACHE_HOME = before;
  });

  it('is where the environment says, if that is an absolute path', () => {
    process.env.XDG_CACHE_HOME = '/some/cache';
    assert.equal(cacheDirectory(), '/some/cache/lading');
  });

  it('is under the home of the user otherwise', () => {
    for (const place of ['', 'relative']) {
      process.env.XDG_CACHE_HOME = place;
      assert.equal(cacheDirectory(), join(homedir(), '.cache/lading'), place);
    }
  });
});

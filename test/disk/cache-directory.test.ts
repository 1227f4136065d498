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

  it('is nowhere for a user whose home is not there, so that nobody creates it', () => {
    delete process.env.XDG_CACHE_HOME;
    const home = process.env.HOME;
    process.env.HOME = '/nonexistent/of/nobody';
    try {
      assert.equal(cacheDirectory(), undefined);
    } finally {
      process.env.HOME = home;
    }
  });
});

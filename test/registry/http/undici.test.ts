import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';

describe('the version of undici', () => {
  it('is named exactly, because files of it are used that it does not promise to keep', async () => {
    const manifest = JSON.parse(await readFile(new URL('../../../package.json', import.meta.url), 'utf8'));
    assert.match(manifest.dependencies.undici, /^\d+\.\d+\.\d+$/);
  });
});

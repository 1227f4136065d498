import assert from 'node:assert/strict';
import { promisedForm } from '../../src/content/archive-name.js';

describe('the name of an archive', () => {
  it('promises a form by its last extension, in any case', () => {
    for (const name of ['a.tar', 'dir.gz/a.TAR']) assert.equal(promisedForm(name), 'tar', name);
    for (const name of ['a.tar.gz', 'a.tgz', 'A.TGZ', '.tar.gz'])
      assert.equal(promisedForm(name), 'gzip', name);
    for (const name of ['a.tar.zst', 'a.tzst', 'a.tar.zstd']) assert.equal(promisedForm(name), 'zstd', name);
    for (const name of ['a.tar.xz', 'a.txz', 'a.tar.bz2', 'a.zip', 'a.7z'])
      assert.equal(promisedForm(name), 'other', name);
  });

  it('promises nothing otherwise', () => {
    for (const name of ['a', 'tar', 'a.oci', 'a.img', 'a.tar.1', 'dir.tgz/a', 'a.', 'a.constructor'])
      assert.equal(promisedForm(name), undefined, name);
  });
});

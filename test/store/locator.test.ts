import assert from 'node:assert/strict';
import { type Locator, parseLocator } from '../../src/store/locator.js';

describe('parseLocator', () => {
  const digest = `sha256:${'a'.repeat(64)}` as const;

  it('reads the locators that users of skopeo know', () => {
    const locators: [text: string, locator: Locator][] = [
      [
        'docker://reg.test:5000/a/b:1',
        { kind: 'docker', reference: { registry: 'reg.test:5000', repository: 'a/b', tag: '1' } },
      ],
      [
        `docker://docker.io/library/a:1@${digest}`,
        { kind: 'docker', reference: { registry: 'docker.io', repository: 'library/a', tag: '1', digest } },
      ],
      ['oci:some/dir', { kind: 'oci', path: 'some/dir', reference: undefined }],
      [
        'oci:/tmp/x:docker.io/library/a:1',
        { kind: 'oci', path: '/tmp/x', reference: 'docker.io/library/a:1' },
      ],
      ['oci-archive:x.tar:1', { kind: 'oci-archive', path: 'x.tar', reference: '1' }],
      ['docker-archive:C:\\x.tar:a:1', { kind: 'docker-archive', path: 'C:\\x.tar', reference: 'a:1' }],
      ['images.tar', { kind: 'path', path: 'images.tar' }],
      ['reg.test/a:1', { kind: 'path', path: 'reg.test/a:1' }],
      ['ocidir:x', { kind: 'path', path: 'ocidir:x' }],
    ];
    for (const [text, locator] of locators) assert.deepEqual(parseLocator(text), locator);
  });

  it('takes a colon with nothing behind it for no reference', () => {
    assert.deepEqual(parseLocator('oci:dir:'), { kind: 'oci', path: 'dir', reference: undefined });
  });

  it('refuses a locator without a path, and an image name that is none', () => {
    for (const text of ['oci:', 'oci::1', 'oci-archive:', 'docker-archive::a']) {
      assert.throws(() => parseLocator(text), { code: 'USAGE', hint: /PATH:REFERENCE/ });
    }
    assert.throws(() => parseLocator('docker://'), { code: 'INVALID_REFERENCE' });
    assert.throws(() => parseLocator('docker://Not/Good'), { code: 'INVALID_REFERENCE' });
  });
});
